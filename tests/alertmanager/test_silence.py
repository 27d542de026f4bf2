"""The entries for planned work: the real amtool against a stand-in for Alertmanager's API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from langflow_ha import ROOT
from playbook_helpers import run_playbook, said

PROGRAMS = ROOT / ".cache/prometheus/usr/bin"
pytestmark = pytest.mark.playbooks


class Alertmanager(ThreadingHTTPServer):
    """Keeps silences as API v2 does. (Alertmanager itself starts only where its package is installed.)"""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.silences: list[dict[str, Any]] = []

    def active(self) -> list[dict[str, Any]]:
        return [one for one in self.silences if one["status"]["state"] == "active"]


class _Api(BaseHTTPRequestHandler):
    server: Alertmanager

    def do_GET(self) -> None:
        identity = self.path.rpartition("/silence/")[2]
        one = [s for s in self.server.silences if s["id"] == identity]
        self._answer(one[0] if one else self.server.silences)

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        identity = f"00000000-0000-0000-0000-{len(self.server.silences):012}"
        state = {"id": identity, "status": {"state": "active"}, "updatedAt": told["startsAt"]}
        self.server.silences.append(told | state)
        self._answer({"silenceID": identity})

    def do_DELETE(self) -> None:
        for one in self.server.silences:
            if self.path.endswith(one["id"]):
                one["status"]["state"], one["endsAt"] = "expired", one["startsAt"]
        self._answer({})

    def _answer(self, told: object) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def alertmanager() -> Iterator[Alertmanager]:
    with Alertmanager() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def play(tmp_path: Path, port: int, entry: str) -> str:
    """Run an entry; without TLS and password, which are the concern of the configuration's tests."""
    role = {
        "ansible.builtin.include_role": {"name": "alertmanager", "tasks_from": entry},
        "vars": {
            "alertmanager_address": "127.0.0.1",
            "alertmanager_silence_name": "maintenance of n2",
            "alertmanager_silence_matchers": [['node="n2"'], ['alertname=~"A|B"', 'job!="x"']],
            "alertmanager_silence_duration": "4h",
        },
    }
    plain = ["amtool", f"--alertmanager.url=http://127.0.0.1:{port}", "--timeout=5s"]
    tasks = {"hosts": "localhost", "gather_facts": False, "tasks": [role]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([tasks]))
    extra = json.dumps({"__alertmanager_amtool": plain})
    done = run_playbook(f"--extra-vars={extra}", tmp_path / "play.yml", path=PROGRAMS)
    assert done.returncode == 0, done.stdout + done.stderr
    return said(done)


def test_silences_are_set_once_and_lifted(tmp_path: Path, alertmanager: Alertmanager) -> None:
    port = alertmanager.server_port
    assert "changed=1" in play(tmp_path, port, "silence")
    found = alertmanager.active()
    assert {s["createdBy"] for s in found} == {"maintenance of n2"}
    matchers = sorted(
        [(m["name"], m["value"], m["isRegex"], m["isEqual"]) for m in one["matchers"]]
        for one in found
    )
    assert matchers == [
        [("alertname", "A|B", True, True), ("job", "x", False, False)],
        [("node", "n2", False, True)],
    ]
    assert "changed=0" in play(tmp_path, port, "silence")
    assert len(alertmanager.active()) == 2

    found[0]["createdBy"] = "somebody"
    assert "changed=1" in play(tmp_path, port, "lift")
    assert alertmanager.active() == [found[0]]
    assert "changed=0" in play(tmp_path, port, "lift")


def test_work_goes_on_where_alertmanager_does_not_answer(tmp_path: Path) -> None:
    assert "Alerts are as before: amtool: error:" in play(tmp_path, 1, "silence")
    assert "Silences stay until they expire" in play(tmp_path, 1, "lift")
