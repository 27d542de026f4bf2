"""Certificates on the controller: there, readable, in date, made for each other."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from langflow_ha.preflight.model import Problem, Site, parse_address

DATE = "%Y-%m-%d"


def _certificates(data: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        return []


def _key(data: bytes) -> PrivateKeyTypes | None:
    """Return a private key; None when it is unreadable or has a passphrase."""
    try:
        return load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _out_of_date(site: Site, certificate: x509.Certificate) -> str:
    if certificate.not_valid_after_utc <= site.world.now:
        return f"expired on {certificate.not_valid_after_utc.strftime(DATE)}"
    if certificate.not_valid_before_utc > site.world.now:
        return f"is valid only from {certificate.not_valid_before_utc.strftime(DATE)}"
    return ""


def _covers(certificate: x509.Certificate, name: str) -> bool:
    """Tell whether a browser would accept the certificate for `name` (a host name or an address)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    if parse_address(name) is not None:
        return ip_address(name) in names.get_values_for_type(x509.IPAddress)
    wanted = name.lower()
    for pattern in names.get_values_for_type(x509.DNSName):
        lower = pattern.lower()
        if lower == wanted:
            return True
        # A wildcard stands for exactly one label (RFC 6125, 6.4.3).
        if lower.startswith("*.") and wanted.partition(".")[2] == lower[2:]:
            return True
    return False


def edge(site: Site) -> Iterator[Problem]:
    """The operator's own certificate for the edge, if there is one."""
    certificate_file = site.value("edge_certificate_file")
    key_file = site.value("edge_private_key_file")
    if not certificate_file and not key_file:
        return
    for name, value, other in (
        ("edge_certificate_file", certificate_file, "edge_private_key_file"),
        ("edge_private_key_file", key_file, "edge_certificate_file"),
    ):
        if value == "":
            yield Problem(
                "certificate", name, "", f"is empty although {other} is set", "set both or neither"
            )
            return
    data = {
        name: site.world.read_file(path)
        for name, path in (
            ("edge_certificate_file", str(certificate_file)),
            ("edge_private_key_file", str(key_file)),
        )
    }
    for name, content in data.items():
        if content is None:
            yield Problem(
                "certificate",
                name,
                str(site.value(name)),
                "there is no such file on the controller",
                'correct the path; start it with "{{ inventory_dir }}/" or "/"',
            )
    chain_pem, key_pem = data["edge_certificate_file"], data["edge_private_key_file"]
    if chain_pem is not None and key_pem is not None:
        yield from _edge_contents(site, str(certificate_file), str(key_file), chain_pem, key_pem)


def _edge_contents(
    site: Site, certificate_file: str, key_file: str, chain_pem: bytes, key_pem: bytes
) -> Iterator[Problem]:
    chain, key = _certificates(chain_pem), _key(key_pem)
    if key is None:
        yield Problem(
            "certificate",
            "edge_private_key_file",
            key_file,
            "holds no private key in PEM form that opens without a passphrase",
            "convert it: openssl pkey -in OLD -out NEW",
        )
    if not chain:
        yield Problem(
            "certificate",
            "edge_certificate_file",
            certificate_file,
            "holds no certificate in PEM form",
            "convert it: openssl x509 -in OLD -inform der -out NEW",
        )
        return
    leaf = chain[0]
    fix = "have it renewed, and put the site's own certificate first in the file"
    reason = _out_of_date(site, leaf)
    if reason:
        yield Problem("certificate", "edge_certificate_file", certificate_file, reason, fix)
    if key is not None and leaf.public_key() != key.public_key():
        yield Problem(
            "certificate",
            "edge_private_key_file",
            key_file,
            "is not the key of the first certificate in edge_certificate_file",
            "use the key that the certificate was requested with; the site's own certificate "
            "comes first in its file",
        )
    name = site.value("vip_fqdn") or str(site.value("vip_ipv4") or "").partition("/")[0]
    if name and not _covers(leaf, name):
        yield Problem(
            "certificate",
            "edge_certificate_file",
            certificate_file,
            f"is not made out for {name}, which users will type, so browsers would refuse it",
            f"have {name} added to its subject alternative names, or correct vip_fqdn",
        )


def own_authority(site: Site) -> Iterator[Problem]:
    """The site's own CA: certificate and key belong together and are in date."""
    text, key_text = site.value("tls_ca_certificate"), site.value("secret_tls_ca_key")
    if not text:
        return
    name = "tls_ca_certificate"
    chain = _certificates(text.encode("utf-8", "replace"))
    if not chain:
        yield Problem(
            "certificate",
            name,
            "",
            "is not a certificate in PEM form",
            "remove group_vars/all/tls_ca.yml and run langflow-ha secrets init again",
        )
        return
    reason = _out_of_date(site, chain[0])
    if reason:
        yield Problem(
            "certificate",
            name,
            "",
            reason,
            "run: langflow-ha secrets init --inventory <directory of this inventory> "
            "--rotate secret_tls_ca_key, then site.yml",
        )
    key = _key(key_text.encode("utf-8", "replace")) if key_text else None
    if key_text and key is None:
        yield Problem(
            "certificate",
            "secret_tls_ca_key",
            f"({len(key_text)} characters)",
            "is not a private key in PEM form",
            "restore it from a copy of the vault, or rotate it with langflow-ha secrets init",
        )
    elif key is not None and key.public_key() != chain[0].public_key():
        yield Problem(
            "certificate",
            name,
            "",
            "does not belong to secret_tls_ca_key, so no node would trust what that key signs",
            "run langflow-ha secrets init; it makes a certificate for the key in the vault",
        )


def extra_authorities(site: Site) -> Iterator[Problem]:
    """Files with further authorities for the nodes to trust."""
    for path in site.value("extra_ca_certificates") or []:
        data = site.world.read_file(str(path))
        if data is None:
            reason = "there is no such file on the controller"
        elif not (chain := _certificates(data)):
            reason = "holds no certificate in PEM form"
        elif expired := [c for c in chain if c.not_valid_after_utc <= site.world.now]:
            reason = f"{_out_of_date(site, expired[0])} ({expired[0].subject.rfc4514_string()})"
        else:
            continue
        yield Problem(
            "certificate",
            "extra_ca_certificates",
            str(path),
            reason,
            'correct the file or its path; start that with "{{ inventory_dir }}/" or "/"',
        )


CHECKS = (edge, own_authority, extra_authorities)
