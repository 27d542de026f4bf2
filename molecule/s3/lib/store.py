"""The object store of the scenario: built, given a certificate, started, and asked from outside of the site.

Run as a program it starts the store, with two buckets and an owner for each; the keys are those of the site's vault.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from langflow_ha.bundle import container
from langflow_ha.lab import image, service
from langflow_ha.lab.engine import LABEL, Engine
from langflow_ha.lab.model import STORE_PORT, Lab
from langflow_ha.secrets.authority import (
    authority_certificate,
    load_authority_key,
    new_authority_key,
)
from langflow_ha.secrets.init import paths
from langflow_ha.secrets.vault import Vault

MODULE, VERSION = "github.com/versity/versitygw", "v1.8.0"
BINARY = container.CACHE / f"versitygw-{VERSION}" / "versitygw"
ROOT_KEY, ROOT_SECRET = "scenario-root", "scenario-root-secret"
VERSIONS_ON = (
    '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Status>Enabled</Status></VersioningConfiguration>"
)
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@dataclass(frozen=True)
class Account:
    """Who owns a bucket."""

    bucket: str
    access_key: str
    secret_key: str


def accounts(lab: Lab) -> tuple[Account, Account]:
    """The owners of the bucket for files and of the one for backups, as the vault has them."""
    secrets = Vault(paths(lab.inventory)[0], lab.vault_password_file).read()
    files, backups = (
        Account(bucket, secrets[f"secret_{name}_access_key"], secrets[f"secret_{name}_secret_key"])
        for bucket, name in (("langflow", "object_store"), ("langflow-backup", "backup"))
    )
    return files, backups


def container_name(lab: Lab) -> str:
    """Name of the store's container."""
    return f"lfha-{lab.name}-store"


def certificates(directory: Path, address: str) -> None:
    """Write an authority's certificate, and one for the store with its key."""
    key_pem = new_authority_key()
    authority, authority_key = authority_certificate(key_pem, "store"), load_authority_key(key_pem)
    signer = x509.load_pem_x509_certificate(authority.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    own = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "store")]))
        .issuer_name(signer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(signer.not_valid_before_utc)
        .not_valid_after(signer.not_valid_before_utc + datetime.timedelta(days=7))
        .add_extension(place, critical=False)
        # Python verifies strictly since 3.13: a certificate has to name its issuer's key.
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    directory.mkdir(parents=True, exist_ok=True)
    pem = serialization.Encoding.PEM
    (directory / "ca.crt").write_text(authority, "ascii")
    (directory / "store.crt").write_bytes(own.public_bytes(pem))
    (directory / "store.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def build() -> None:
    """Compile the server unless it is there."""
    if not BINARY.exists():
        container.run(
            "debian13",
            str(Path(__file__).with_name("build_store.sh")),
            print,
            inputs={},
            output=BINARY.parent,
            environment={"MODULE": MODULE, "VERSION": VERSION},
            caches={"go-modules": "/go/pkg/mod"},
        )


def start(lab: Lab) -> None:
    """Start the store with its buckets; the one for files keeps versions."""
    engine = Engine()
    directory = lab.store_ca_file.parent.resolve()
    certificates(directory, lab.store_address)
    address = f"{lab.store_address}:{STORE_PORT}"
    command = ["run", "--detach", "--name", container_name(lab), "--label", f"{LABEL}={lab.name}"]
    command += ["--network", lab.network, "--ip", lab.store_address]
    command += ["--volume", f"{BINARY.resolve()}:/usr/local/bin/versitygw:ro"]
    command += ["--volume", f"{directory}:/tls:ro", "--volume", "/store"]
    for name, value in (("ROOT_ACCESS_KEY", ROOT_KEY), ("ROOT_SECRET_KEY", ROOT_SECRET)):
        command += ["--env", f"{name}={value}", "--env", f"{name.replace('ROOT', 'ADMIN')}={value}"]
    command += [
        "--env",
        f"ADMIN_ENDPOINT_URL=https://{address}",
        "--env",
        "SSL_CERT_FILE=/tls/ca.crt",
    ]
    command += [image.ensure(engine, "debian13", print), "/bin/sh", "-c"]
    serve = "versitygw --quiet --port :7070 --cert /tls/store.crt --key /tls/store.key --iam-dir /store/iam"
    serve += " posix --versioning-dir /store/versions /store/files"
    engine.run(*command, f"mkdir -p /store/iam /store/versions /store/files && exec {serve}")
    until = "for i in $(seq 60); do curl -s --cacert /tls/ca.crt -o /dev/null https://$0 && exit; sleep 1; done; exit 1"
    run(lab, "sh", "-c", until, address)
    for account in accounts(lab):
        user = ["--access", account.access_key, "--secret", account.secret_key, "--role", "user"]
        run(lab, "versitygw", "admin", "create-user", *user)
        bucket = ["--owner", account.access_key, "--bucket", account.bucket]
        run(lab, "versitygw", "admin", "create-bucket", *bucket)
    ask(lab, accounts(lab)[0], "?versioning", "--request", "PUT", "--data-binary", VERSIONS_ON)


def run(lab: Lab, *command: str) -> str:
    """Run a command beside the store; RuntimeError when it fails."""
    code, output = Engine().execute(container_name(lab), *command)
    if code:
        raise RuntimeError(f"{command[0]} {command[1]}: {output}")
    return output


def ask(lab: Lab, account: Account, query: str, *options: str) -> str:
    """Ask the store about a bucket as its owner, with a client that is not of the kit."""
    url = f"https://{lab.store_address}:{STORE_PORT}/{account.bucket}{query}"
    signed = [
        "--aws-sigv4",
        "aws:amz:us-east-1:s3",
        "--user",
        f"{account.access_key}:{account.secret_key}",
    ]
    return run(
        lab, "curl", "-sS", "--fail-with-body", "--cacert", "/tls/ca.crt", *signed, *options, url
    )


if __name__ == "__main__":
    build()
    start(service.load(f"molecule-{os.environ['MOLECULE_SCENARIO_NAME']}"))
