"""The role's configuration in a real HAProxy, before a LangFlow that tells what it was asked."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from langflow_ha import ROOT

ROLE = ROOT / "roles/haproxy"
_UNPACKED = ROOT / ".cache/haproxy"
# Missing, it fails and says the path that `make setup-haproxy` makes: what was not run has not passed.
HAPROXY = shutil.which("haproxy") or str(_UNPACKED / "usr/sbin/haproxy")
LIBRARIES = os.pathsep.join(
    str(_UNPACKED / directory) for directory in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
)
ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": LIBRARIES}


def rendered(**changes: Any) -> str:
    """Return the configuration as the role writes it."""
    environment = Environment(
        loader=FileSystemLoader(ROLE / "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    # Ansible's own test of the name, as far as the template needs it.
    environment.tests["match"] = lambda text, start: str(text).startswith(start)
    values = {
        **yaml.safe_load((ROLE / "defaults/main.yml").read_text("utf-8")),
        "ansible_managed": "managed",
        "haproxy_node_name": "n1",
        "haproxy_http2": True,
        "haproxy_address": "192.0.2.11",
        "haproxy_servers": [{"name": n, "address": f"192.0.2.1{n[1]}"} for n in ("n1", "n2", "n3")],
        "haproxy_stats_password": "secret",
        **changes,
    }
    return environment.get_template("haproxy.cfg.j2").render(values)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _LangFlow(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Tell the headers."""
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Tell them too."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """HAProxy's end cuts its checks off."""


@dataclass
class Edge:
    """A running HAProxy."""

    client: httpx.Client
    log: Path

    def line_of(self, trace: str) -> dict[str, Any]:
        """Return the log's last line of a trace."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for line in reversed(self.log.read_text().splitlines()):
                if trace in line:
                    found: dict[str, Any] = json.loads(line)
                    return found
            time.sleep(0.005)
        raise AssertionError(f"no line of {trace}")


def _certificate(directory: Path) -> Path:
    key, certificate, both = (directory / name for name in ("key", "crt", "edge.pem"))
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=localhost", "-days", "1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    both.write_text(certificate.read_text() + key.read_text())
    return both


def configuration(directory: Path, **changes: Any) -> str:
    """Return what the role writes, with the paths and addresses of a test."""
    (directory / "unavailable.map").write_text("person_503 none\n")
    text = rendered(
        haproxy_certificate_file=str(_certificate(directory)),
        haproxy_bind_ipv6=False,
        haproxy_address="127.0.0.1",
        haproxy_agent_port=0,
        haproxy_check_inter_ms=100,
        haproxy_alive_inter_ms=100,
        **changes,
    )
    for theirs, ours in {
        "log /dev/log len 8192 format local local0": "log stdout len 8192 format raw local0",
        "    user haproxy\n    group haproxy\n    chroot /var/lib/haproxy\n": "",
        "/run/haproxy/admin.sock mode 0660 user root group haproxy": f"{directory}/admin.sock",
        "/etc/haproxy/pages/unavailable.map": f"{directory}/unavailable.map",
        "/var/lib/haproxy/state/servers": f"{directory}/servers",
    }.items():
        assert theirs in text, theirs
        text = text.replace(theirs, ours)
    return text


def checked(directory: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Have HAProxy read it."""
    file = directory / "haproxy.cfg"
    file.write_text(text)
    return subprocess.run(
        [HAPROXY, "-c", "-f", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )


@contextmanager
def edge(directory: Path, **changes: Any) -> Iterator[Edge]:
    """Run the edge before one LangFlow of the test's own."""
    server = _Server(("127.0.0.1", 0), _LangFlow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ports = {f"haproxy_{name}_port": free_port() for name in ("http", "https", "stats")}
    text = configuration(
        directory,
        haproxy_servers=[{"name": "n1", "address": "127.0.0.1"}],
        haproxy_server_port=server.server_port,
        **ports,
        **changes,
    )
    done = checked(directory, text)
    assert done.returncode == 0, done.stdout + done.stderr
    log = directory / "log"
    with log.open("a") as output:
        process = subprocess.Popen(
            [HAPROXY, "-db", "-f", str(directory / "haproxy.cfg")],
            stdout=output,
            stderr=output,
            env=ENVIRONMENT,
        )
    try:
        url = f"https://127.0.0.1:{ports['haproxy_https_port']}"
        with httpx.Client(base_url=url, verify=False, trust_env=False, timeout=10) as client:
            _wait(client, log)
            yield Edge(client, log)
    finally:
        process.terminate()
        process.wait(10)
        server.shutdown()
        server.server_close()


def _wait(client: httpx.Client, log: Path) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            if client.get("/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"HAProxy does not answer: {log.read_text()}")
