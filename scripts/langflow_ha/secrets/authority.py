"""The site's own certificate authority: one EC P-256 key and one self-signed certificate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=3653)
# A node whose clock runs a little late must accept the certificate at once.
BACKDATED = timedelta(hours=1)


def new_authority_key() -> str:
    """Return a new EC P-256 private key as unencrypted PKCS#8 PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode("ascii")


def load_authority_key(key_pem: str) -> ec.EllipticCurvePrivateKey:
    """Return the key of a PEM. Raises ValueError for anything but an EC private key without a password."""
    key = serialization.load_pem_private_key(key_pem.encode("ascii"), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("secret_tls_ca_key is not an EC private key")
    return key


def authority_certificate(key_pem: str, site_name: str, now: datetime | None = None) -> str:
    """Return the CA certificate (PEM) for `key_pem`, valid ten years from `now`."""
    key = load_authority_key(key_pem)
    start = now or datetime.now(UTC)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "LangFlow HA"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{site_name} cluster CA"),
        ]
    )
    public = key.public_key()
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - BACKDATED)
        .not_valid_after(start + LIFETIME)
        # Path length 0: the CA signs nodes, never another CA.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def certificate_fits_key(certificate_pem: str, key_pem: str) -> bool:
    """Tell whether the two belong together; False when either is unreadable."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode("ascii"))
        return certificate.public_key() == load_authority_key(key_pem).public_key()
    except ValueError:
        return False
