"""The client shows its certificate, and believes only a member that the site's CA vouches for."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from langflow_ha.failover.config import Etcd
from langflow_ha.failover.etcd import Gateway

KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(file: Path, address: str) -> None:
    """A certificate that vouches for itself, so that its file is CA and certificate at once."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(KEY, hashes.SHA256())
    )
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        data = json.dumps({"names": bool(self.connection.getpeercert())}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def member(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Etcd]:
    """An etcd member that insists on a client certificate; the parameter is its own address."""
    key = tmp_path / "key"
    key.write_bytes(
        KEY.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    file = tmp_path / "crt"
    certificate(file, request.param)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(file))
    context.load_cert_chain(file, key)
    context.verify_mode = ssl.CERT_REQUIRED
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield Etcd("127.0.0.1", server.server_port, str(file), str(file), str(key))
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("member", ["127.0.0.1"], indirect=True)
def test_both_sides_show_their_certificate(member: Etcd) -> None:
    assert Gateway(member, 2.0).post("/v3/kv/txn", {}) == {"names": True}


@pytest.mark.parametrize("member", ["192.0.2.9"], indirect=True)
def test_another_members_certificate_is_refused(member: Etcd) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        Gateway(member, 2.0).post("/v3/kv/txn", {})
