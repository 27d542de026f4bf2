from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.x509.oid import NameOID
from langflow_ha.lab.host import Mirrors, extra_certificates, nameservers, parse_mirrors, proxy

DEB822 = """\
Types: deb
# a comment
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
ONE_LINE = """\
# deb http://old.example/debian buster main
deb [signed-by=/x.gpg arch=amd64] http://other.example/tool stable-tool main
deb cdrom:[Debian]/ trixie main
deb [arch=amd64] https://mirror.example/debian trixie main contrib
deb https://mirror.example/security trixie-security main
deb-src https://source.example/debian trixie main
"""


def test_deb822_sources() -> None:
    assert parse_mirrors([DEB822]) == Mirrors(
        "http://mirror.example/debian", "http://mirror.example/debian-security"
    )


def test_one_line_sources() -> None:
    assert parse_mirrors([ONE_LINE]) == Mirrors(
        "https://mirror.example/debian", "https://mirror.example/security"
    )


def test_disabled_source_and_no_source() -> None:
    assert parse_mirrors([DEB822.replace("Types: deb\n", "Enabled: no\nTypes: deb\n")]) == Mirrors()
    assert Mirrors().sources("trixie") == []


def test_sources_of_another_release_than_the_hosts() -> None:
    assert parse_mirrors([DEB822]).sources("trixie") == [
        "deb http://mirror.example/debian trixie main",
        "deb http://mirror.example/debian trixie-updates main",
        "deb http://mirror.example/debian-security trixie-security main",
    ]


def _certificate(name: str) -> str:
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def test_only_certificates_the_distribution_lacks_are_passed_on() -> None:
    shipped, own = _certificate("shipped"), _certificate("own")
    assert extra_certificates(shipped + own, [shipped]) == [own]
    assert extra_certificates(shipped, [shipped]) == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ("", [])),
        ({"http_proxy": "http://p.example:3128"}, ("http://p.example:3128", [])),
        (
            {"https_proxy": "http://p.example:3128", "no_proxy": "a.example, .b.example"},
            ("http://p.example:3128", ["a.example", ".b.example"]),
        ),
        ({"http_proxy": "http://127.0.0.1:3128"}, ("", [])),
        ({"http_proxy": "http://user:pw@localhost:3128"}, ("", [])),
    ],
)
def test_proxy(environment: dict[str, str], expected: tuple[str, list[str]]) -> None:
    assert proxy(environment) == expected


def test_name_servers_that_a_node_can_reach() -> None:
    text = "# nameserver 192.0.2.1\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nnameserver ::1\n"
    assert nameservers(text) == ["192.0.2.53"]
