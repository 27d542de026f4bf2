"""The loop with everything real but the network and LangFlow, the API's side, and the configuration."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from langflow_ha.failover.gather import Suspects
from langflow_ha.health.gather import Board, Network
from langflow_ha.health.model import Observation, Outcome
from langflow_ha.node.strict import ConfigError
from langflow_ha.runs import config, gather
from langflow_ha.runs.daemon import Daemon
from langflow_ha.runs.decide import CLOSE, QUEUE
from langflow_ha.runs.langflow import Closer
from langflow_ha.runs.model import Closing
from langflow_ha.runs.snapshot import metrics_text, status_json
from node_helpers import check_by_command, with_value
from runs_helpers import RAW, make, queued, raw, start

CLOSING = Closing("job-1", "user-1", "n2", "LangFlow was started anew")


class FakeCloser:
    """Closes whatever it is asked to, at the next look."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.done: list[Observation] = []

    def ask(self, closing: Closing) -> None:
        self.asked.append(closing.job)
        self.done.append(Observation(CLOSE, 1.0, Outcome.OK, "ok", found=closing))

    def results(self) -> list[Observation]:
        done, self.done = self.done, []
        return done


def test_from_a_restart_to_the_closed_run(tmp_path: Path) -> None:
    link = tmp_path / "invocation"
    link.symlink_to(start(1))
    settings = make(journal=str(tmp_path / "events"), invocation=str(link))
    now, suspects, closer = 100.0, Suspects(), FakeCloser()
    probes = gather.probes_for(settings, Network(), tuple, suspects)
    board = Board(probes, lambda: now)
    daemon = Daemon(settings, board, suspects, closer)

    def step() -> Any:
        nonlocal now
        now += 0.7
        here = str(link.readlink())
        runs = [queued("job-1", "n2", 1), queued("job-2", "n2", accepted_by=f"langflow/{here}/n2")]
        board.post(Observation(QUEUE, now, Outcome.OK, found=tuple(runs)))
        return daemon.step(lambda: now)

    assert step().decision.verdict.close == () and closer.asked == []
    link.unlink()
    link.symlink_to(start(2))
    shown = [step() for _ in range(2)][-1]
    assert closer.asked == ["job-1"] and shown.closed == 1
    assert json.loads(status_json(shown, now))["closed"] == 1
    assert b"langflow_ha_runs_closed_total 1\n" in metrics_text(shown, now)
    daemon.journal.flush(2.0)
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    (event,) = [event for event in events if event["event"] == "run_closed"]
    assert '"job": "job-1"' in event["detail"] and "started anew" in event["detail"]


def test_the_start_that_runs(tmp_path: Path) -> None:
    link = tmp_path / "invocation:langflow.service"
    assert gather.running_start(link) == ""
    link.symlink_to(start(3))
    assert gather.running_start(link) == start(3)
    link.unlink()
    link.symlink_to("something else")
    assert gather.running_start(link) is None
    link.unlink()
    link.touch()
    assert gather.running_start(link) is None
    assert gather.running_start(tmp_path / "nowhere" / "link") is None, "systemd says nothing"


class Langflow(BaseHTTPRequestHandler):
    """Answers as `answers` says, and remembers what it was asked."""

    answers: ClassVar[list[int]] = []
    asked: ClassVar[list[tuple[str, str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.answers.pop(0) if self.answers else 200)
        self.end_headers()
        self.wfile.write(b'{"message": "Job cancelled"}')

    def log_message(self, *_: Any) -> None:
        """Tests are quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    Langflow.answers, Langflow.asked = [], []
    server = HTTPServer(("127.0.0.1", 0), Langflow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_run_is_stopped_in_the_name_of_its_user_by_the_next_langflow_that_answers(
    port: int,
) -> None:
    # 127.0.0.2 has no listener: the first LangFlow is down.
    closer = Closer(["127.0.0.2", "127.0.0.1"], port, lambda u: f"for-{u}", 2.0, lambda: 5.0)
    result = closer.close(CLOSING)
    assert result.ok and result.found == CLOSING and "127.0.0.1" in result.detail
    assert Langflow.asked == [("/api/v2/workflows/stop", "Bearer for-user-1", {"job_id": "job-1"})]


def test_a_refusal_is_no_success(port: int) -> None:
    Langflow.answers = [503, 503]
    closer = Closer(["127.0.0.1"], port, str, 2.0, lambda: 5.0)
    result = closer.close(CLOSING)
    assert not result.ok and "HTTP 503" in result.detail and result.found == CLOSING


changed = partial(with_value, RAW)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (changed("node", "n9"), "must be one of the langflows"),
        (changed("members.1.name", "n1"), "every name must be unique"),
        (changed("members.2.address", "n3.example"), "must be an IP address"),
        (changed("langflows.0.name", "n9"), "must be one of the members"),
        (changed("langflows.0.ports", []), "needs an address and a port"),
        (changed("langflows.0.addresses", ["x"]), "must be an IP address"),
        (changed("limits.stagger", 0), "must be above 0"),
        (changed("limits.fresh", 1.7), "must be above poll plus timeout"),
        (changed("limits.stall", 8.5), "must be below silent_for"),
        (changed("limits.retry", 2.5), "must not be below call"),
        (changed("limits.silentfor", 2.5), "unknown key"),
    ],
)
def test_refused(bad: object, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        config.parse(bad)
    assert message in str(refusal.value)


@pytest.mark.parametrize(("text", "code"), [(json.dumps(raw()), 0), ("{", 2)])
def test_the_command_checks_a_file_with_the_standard_library_alone(
    tmp_path: Path, text: str, code: int
) -> None:
    assert check_by_command("runs", tmp_path, text) == code
