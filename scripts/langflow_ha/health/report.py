"""One node's facts for the controller's `status` command. Reads only; run as root.

Every section is a value or `{"error": …}`; a piece that is not on this node has no section.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from langflow_ha.health import probes
from langflow_ha.health.config import Config, Report

_TIMEOUT = 3.0
_MOST_EVENTS = 25
_JOURNAL_TAIL = 16384
"""Bytes that are read of each journal, some hundred events."""
Section = Callable[[], Any]


def collect(config: Config) -> dict[str, Any]:
    """All sections at once: the slowest bounds the whole, not the sum."""
    sections = dict(_sections(config))
    with ThreadPoolExecutor(max_workers=len(sections)) as pool:
        running = {name: pool.submit(_guarded, ask) for name, ask in sections.items()}
        return {"node": config.node, **{name: job.result() for name, job in running.items()}}


def _guarded(ask: Section) -> Any:
    try:
        return ask()
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        return {"error": str(error) or type(error).__name__}
    except subprocess.SubprocessError as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _sections(config: Config) -> Iterator[tuple[str, Section]]:
    report = config.report
    yield "units", lambda: _units(report.units)
    yield "versions", lambda: _versions(report.packages)
    yield "certificates", lambda: {path: _not_after(path) for path in report.certificates}
    yield "agent", lambda: _agent(config)
    if config.vip_addresses:
        yield "vip", lambda: {"held": probes.address_present(config.vip_addresses)}
    if config.langflow:
        ready_url = config.langflow.ready_url
        yield "langflow", lambda: _langflow(ready_url, report.langflow_version_url)
    if report.patroni_url:
        yield "patroni", lambda: _https_json(report, report.patroni_url)
    if report.etcd_url:
        yield "etcd", lambda: _https_json(report, report.etcd_url)
    if report.minio_url:
        yield "minio", lambda: _minio(report)
    if report.valkey_address:
        yield "valkey", lambda: _valkey(report)
    if report.haproxy_socket:
        yield "haproxy", lambda: _haproxy_servers(report.haproxy_socket)
    if report.backup_file:
        yield "backup", lambda: _backup(Path(report.backup_file))
    if report.data_directories:
        yield "disks", lambda: _disks(report.data_directories)
    yield "events", lambda: _events([Path(path) for path in report.journals])


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    return done.stdout


def _units(units: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """State of each unit that systemd knows."""
    wanted = "--property=Id,LoadState,ActiveState,SubState,NRestarts"
    found: dict[str, dict[str, str]] = {}
    for block in _run("systemctl", "show", wanted, *units).strip().split("\n\n"):
        facts = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if facts.get("LoadState") not in (None, "not-found"):
            found[facts["Id"]] = {
                "active": facts["ActiveState"],
                "sub": facts["SubState"],
                "restarts": facts.get("NRestarts", "0"),
            }
    return found


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Versions of the packages that are installed."""
    lines = _run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status} ${Version}\n", *packages)
    rows = (line.split(" ") for line in lines.splitlines())
    return {row[0]: row[2] for row in rows if len(row) == 3 and row[1] == "installed"}


def _not_after(path: str) -> str:
    """End of the validity of the first certificate in a PEM file, as OpenSSL prints it."""
    if not Path(path).exists():
        raise FileNotFoundError(f"{path} is missing")
    text = _run("openssl", "x509", "-noout", "-enddate", "-in", path)
    return text.strip().removeprefix("notAfter=")


def _agent(config: Config) -> Any:
    return _local_json(config, config.http_port, "/status")


def _local_json(config: Config, port: int, path: str) -> Any:
    address = config.listen_address
    host = f"[{address}]" if ":" in address else address
    reply = probes.http_get(f"http://{host}:{port}{path}", _TIMEOUT, want_body=True)
    return json.loads(reply.body)


def _langflow(ready_url: str, version_url: str) -> dict[str, Any]:
    ready = probes.http_get(ready_url, _TIMEOUT).status == 200
    facts: dict[str, Any] = {"ready": ready}
    if version_url:
        parts = urlsplit(version_url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT)
        connection.request("GET", parts.path)
        facts["version"] = json.loads(connection.getresponse().read()).get("version")
        connection.close()
    return facts


def _https(report: Report, url: str) -> tuple[int, bytes]:
    """GET over TLS, trusting the site's CA and showing this node's certificate."""
    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=report.ca_file)
    context.load_cert_chain(report.client_certificate, report.client_key)
    connection = http.client.HTTPSConnection(parts.netloc, timeout=_TIMEOUT, context=context)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _https_json(report: Report, url: str) -> Any:
    return json.loads(_https(report, url)[1])


def _minio(report: Report) -> dict[str, bool]:
    """`live`: this server answers; `cluster`: enough drives for reading and writing."""
    base = report.minio_url.rstrip("/") + "/minio/health/"
    return {kind: _https(report, base + kind)[0] == 200 for kind in ("live", "cluster")}


def _valkey(report: Report) -> dict[str, str]:
    """`INFO replication`, with the password from a file that only root can read."""
    password = Path(report.valkey_password_file).read_text(encoding="utf-8").strip()
    with socket.create_connection((report.valkey_address, report.valkey_port), _TIMEOUT) as link:
        link.sendall(_resp("AUTH", password) + _resp("INFO", "replication") + _resp("QUIT"))
        answer = b""
        while piece := link.recv(65536):
            answer += piece
    text = answer.decode("utf-8", "replace")
    if "role:" not in text:
        raise ConnectionError(text.splitlines()[0] if text else "no answer")
    lines = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    wanted = ("role", "master_host", "master_link_status", "connected_slaves")
    return {key: value for key, value in lines if key in wanted}


def _backup(file: Path) -> dict[str, Any]:
    """What the keeper (`langflow-ha-backup`) wrote when it last looked; the list of all backups is left out."""
    told = json.loads(file.read_text(encoding="utf-8"))
    return {key: told[key] for key in ("at", "states", "problems")}


def _disks(directories: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Bytes of the file systems that directories are on, each once, under the first of its directories.

    `available_bytes` is for services: what the file system keeps for root is not in it.
    """
    first = {Path(path).stat().st_dev: path for path in reversed(directories)}
    seen = {path: os.statvfs(path) for path in directories if path in first.values()}
    return {
        path: {
            "used_bytes": (space.f_blocks - space.f_bfree) * space.f_frsize,
            "available_bytes": space.f_bavail * space.f_frsize,
        }
        for path, space in seen.items()
    }


def _events(journals: list[Path]) -> list[dict[str, str]]:
    """Return the last events of all daemons of the kit, newest first; one that is not here has none."""
    found: list[dict[str, str]] = []
    for file in journals:
        if not file.exists():
            continue
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _JOURNAL_TAIL))
            lines = stream.read().decode("utf-8", "replace").splitlines()
        for line in lines:
            with suppress(
                ValueError, KeyError, TypeError
            ):  # half a line at the seam, or at the end
                told = json.loads(line)
                found.append({key: str(told[key]) for key in ("time", "level", "event", "detail")})
    return sorted(found, key=lambda event: event["time"], reverse=True)[:_MOST_EVENTS]


def _resp(*words: str) -> bytes:
    """A command in Valkey's wire protocol."""
    body = b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words)
    return b"*%d\r\n" % len(words) + body


def _haproxy_servers(path: str) -> list[dict[str, str]]:
    """State of each server as HAProxy sees it, from its admin socket."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_TIMEOUT)
        link.connect(path)
        link.sendall(b"show stat -1 4 -1\n")
        answer = b""
        while piece := link.recv(65536):
            answer += piece
    header, *rows = answer.decode("utf-8", "replace").strip().splitlines()
    names = header.lstrip("# ").split(",")
    wanted = ("pxname", "svname", "status", "weight", "check_status", "agent_status", "scur")
    records = (dict(zip(names, row.split(","), strict=False)) for row in rows if row)
    return [{key: record.get(key, "") for key in wanted} for record in records]
