"""The receiver as Alertmanager meets it: TLS, a token, one run, and what is told of it."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from langflow_ha.cli import app
from langflow_ha.overload import receiver
from langflow_ha.overload.config import Config
from langflow_ha.overload.receiver import Hook
from langflow_ha.overload.state import read_spares
from typer.testing import CliRunner

TOKEN = "0123456789abcdef01234567"
FIRING = {
    "alerts": [{"status": "firing", "labels": {"alertname": "LangflowOverloaded", "scale": "out"}}]
}
RESOLVED = {"alerts": [{**FIRING["alerts"][0], "status": "resolved"}]}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Site:
    """A receiver whose playbook writes down that it ran, and waits until it may end."""

    def __init__(self, path: Path, certificate: Path, key: Path) -> None:
        self.path, self.clock = path, Clock()
        self.certificate = certificate
        script = "import os, sys, time\n"
        script += "open('ran', 'a').write(sys.argv[1] + '\\n')\nprint('what it said')\n"
        script += (
            "while os.path.exists('hold'): time.sleep(0.01)\nsys.exit(os.path.exists('fail'))\n"
        )
        (path / "play.py").write_text(f"import os; os.chdir({str(path)!r})\n{script}")
        self.config = Config(
            listen_address="127.0.0.1",
            port=0,
            certificate=str(certificate),
            key=str(key),
            token=TOKEN,
            cooldown_minutes=60,
            spares=("n4", "n5"),
            groups=("cluster", "langflow"),
            inventory_file=str(path / "overload.yml"),
            command=(sys.executable, str(path / "play.py"), "site.yml"),
            state_directory=str(path),
        )
        self.start()

    def start(self) -> None:
        self.hook = Hook(self.config, self.clock)
        self.server = receiver.serve(self.config, self.hook)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        (self.path / "hold").unlink(missing_ok=True)
        self.settle()
        self.server.shutdown()
        self.server.server_close()

    def settle(self) -> None:
        if self.hook.running:
            self.hook.running.join()
        self.hook.journal.flush(5)

    def post(self, body: object, token: str | None = TOKEN, path: str = "/overload") -> int:
        context = ssl.create_default_context(cafile=str(self.certificate))
        port = self.server.server_address[1]
        link = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        link.request("POST", path, body if isinstance(body, bytes) else json.dumps(body), headers)
        answer = link.getresponse()
        answer.read()
        link.close()
        return answer.status

    @property
    def runs(self) -> int:
        file = self.path / "ran"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def journal(self) -> list[dict[str, Any]]:
        self.settle()
        return [json.loads(line) for line in (self.path / "events.jsonl").read_text().splitlines()]

    def touch(self, name: str) -> None:
        (self.path / name).touch()


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    made = tmp_path_factory.mktemp("tls")
    crt, key = made / "crt", made / "key"
    made_for = ["-days", "2", "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-keyout", str(key), "-out", str(crt)]
    command = ["openssl", "req", "-x509", *curve, *files, *made_for]
    subprocess.run(command, check=True, capture_output=True)
    return crt, key


@pytest.fixture
def site(tmp_path: Path, pair: tuple[Path, Path]) -> Iterator[Site]:
    made = Site(tmp_path, *pair)
    yield made
    made.stop()


def test_an_overload_adds_one_spare_once(site: Site) -> None:
    site.touch("hold")
    assert site.post(FIRING) == 202
    assert [site.post(FIRING) for _ in range(3)] == [200] * 3, "while it is being added"
    (site.path / "hold").unlink()
    site.settle()
    assert site.post(FIRING) == 200, "and within the cooldown"
    assert site.runs == 1
    groups = yaml.safe_load((site.path / "overload.yml").read_text())["all"]["children"]
    assert groups == {g: {"hosts": {"n4": {}}} for g in ("cluster", "langflow")}
    assert [e["event"] for e in site.journal() if "run" in e["event"]] == ["overload_run_done"]


def test_many_at_once_are_one(site: Site) -> None:
    site.touch("hold")
    told: list[int] = []
    threads = [threading.Thread(target=lambda: told.append(site.post(FIRING))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [200] * 7 + [202]


def test_after_the_cooldown_the_next_one(site: Site) -> None:
    for spares in (("n4",), ("n4", "n5"), ("n4", "n5")):
        site.post(FIRING)
        site.settle()
        assert read_spares(site.path / "overload.yml") == spares
        site.clock.now += 3600
    assert site.runs == 2, "there are no more"


def test_what_is_over_adds_nothing(site: Site) -> None:
    assert site.post(RESOLVED) == 200
    assert site.runs == 0 and not (site.path / "overload.yml").exists()


@pytest.mark.parametrize("token", [None, "", "x" * 24, TOKEN + "x", TOKEN[:-1], "ä"])
def test_without_the_token_nothing_is_even_read(site: Site, token: str | None) -> None:
    encoded = token.encode("utf-8").decode("latin-1") if token else token
    assert site.post(FIRING, encoded) == 403
    assert site.runs == 0
    told = site.journal()
    assert [event["event"] for event in told] == ["overload_refused"]
    assert TOKEN not in json.dumps(told) and (not token or token not in json.dumps(told))


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]"])
def test_nonsense_adds_nothing(site: Site, body: bytes) -> None:
    assert site.post(body) == 400
    assert site.runs == 0


def test_another_path_is_not_there(site: Site) -> None:
    assert site.post(FIRING, path="/") == 404


def test_a_playbook_that_fails_is_told_until_it_is_tried_again(site: Site) -> None:
    site.touch("fail")
    assert site.post(FIRING) == 202
    site.settle()
    assert site.post(FIRING) == 500, "so that Alertmanager calls somebody"
    (page, *_) = [e for e in site.journal() if e["event"] == "overload_run_failed"]
    assert page["level"] == "page" and "exit code 1" in page["detail"]
    assert (site.path / "run.log").read_text() == "what it said\n"
    (site.path / "fail").unlink()
    site.clock.now += 3600
    assert site.post(FIRING) == 202
    site.settle()
    assert site.runs == 2 and read_spares(site.path / "overload.yml") == ("n4",)
    assert site.post(FIRING) == 200


def test_a_command_that_is_not_there_is_told(site: Site) -> None:
    site.hook._config = replace(site.config, command=("/nonexistent",))
    site.post(FIRING)
    assert [e["level"] for e in site.journal() if e["event"] == "overload_run_failed"] == ["page"]


def test_a_restart_keeps_the_cooldown_and_a_run_that_it_cut_off_has_failed(site: Site) -> None:
    site.post(FIRING)
    site.settle()
    assert Hook(site.config, site.clock).take(FIRING).status == 200
    run = json.loads((site.path / "run.json").read_text())
    (site.path / "run.json").write_text(json.dumps({**run, "outcome": "running"}))
    assert Hook(site.config, site.clock).take(FIRING).status == 500


@pytest.mark.parametrize("text", ["cluster:\n  hosts: n4\n", "[]", '{"all": {"children": []}}'])
def test_an_inventory_that_somebody_has_broken_is_told(site: Site, text: str) -> None:
    (site.path / "overload.yml").write_text(text)
    assert site.post(FIRING) == 500
    assert site.runs == 0


def test_a_client_that_says_nothing_holds_up_nobody(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.server.server_address[1])):
        begun = time.monotonic()
        assert site.post(RESOLVED) == 200
        assert time.monotonic() - begun < 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"token": "secretsecret"}, "token"),
        ({"cooldown_minutes": 0}, "cooldown_minutes"),
        ({"spares": []}, "spares"),
        ({"surplus": 1}, "surplus"),
    ],
)
def test_the_configuration_is_read_strictly(
    site: Site, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    raw = {name: getattr(site.config, name) for name in Config.__dataclass_fields__}
    file = tmp_path / "overload.json"
    file.write_text(json.dumps(raw | change))
    done = CliRunner().invoke(app, ["overload", "check", "--config", str(file)])
    assert done.exit_code == (2 if change else 0)
    assert words in done.output and "secretsecret" not in done.output
