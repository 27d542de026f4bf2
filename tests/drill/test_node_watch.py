"""What the watcher makes of the words of Valkey and PostgreSQL."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Sequence
from types import ModuleType, SimpleNamespace

import pytest
from langflow_ha.drill import node_watch, watch

MASTER = "# Replication\r\nrole:master\r\nconnected_slaves:2\r\nmin_slaves_good_slaves:{}\r\n"


@pytest.mark.parametrize(
    ("replication", "wanted", "writable"),
    [
        (MASTER.format(2), 1, True),
        (MASTER.format(0), 1, False),
        ("role:master\r\nconnected_slaves:0\r\n", 0, True),
        ("role:slave\r\nmaster_link_status:up\r\n", 1, False),
        ("", 0, False),
    ],
)
def test_a_master_without_its_replicas_takes_no_writes(
    replication: str, wanted: int, writable: bool
) -> None:
    assert node_watch.takes_writes(replication, wanted) is writable


class Done(Exception):  # noqa: N818
    pass


def test_one_connection_serves_all_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for the password's and the setting's sake once, and for the role at every sample."""
    asked: list[str] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        link, _ = server.accept()
        with link:
            while line := link.recv(256):
                asked.append(line.decode().split()[0])
                body = MASTER.format(0 if len(asked) > 3 else 1)
                answers = {
                    "AUTH": "+OK\r\n",
                    "CONFIG": "*2\r\n$21\r\nmin-replicas-to-write\r\n$1\r\n1\r\n",
                    "INFO": f"${len(body)}\r\n{body}\r\n",
                }
                link.sendall(answers[asked[-1]].encode())

    threading.Thread(target=serve, daemon=True).start()
    samples: list[tuple[str, bool | None]] = []

    def emit(kind: str, value: bool | None) -> None:
        samples.append((kind, value))
        if len(samples) == 3:
            raise Done

    connect = socket.create_connection
    monkeypatch.setattr(
        socket, "create_connection", lambda *a, **k: connect(server.getsockname(), timeout=5)
    )
    monkeypatch.setattr(node_watch, "emit", emit)
    monkeypatch.setattr(node_watch, "ROLE_INTERVAL_S", 0)
    with pytest.raises(Done):
        node_watch.watch_valkey("127.0.0.1", "secret")
    assert asked == ["AUTH", "CONFIG", "INFO", "INFO", "INFO"]
    assert samples == [("valkey", True), ("valkey", False), ("valkey", False)]


def test_the_standbys_behind_an_acknowledgement_reach_the_controller(
    capfd: pytest.CaptureFixture[str],
) -> None:
    node_watch.emit("pg_ack", True, ["n2", "n3"])
    node_watch.emit("vip", False)
    acknowledges, vip = (watch.parse("n1", line) for line in capfd.readouterr().out.splitlines())
    assert acknowledges is not None
    assert (acknowledges.kind, acknowledges.value) == ("pg_ack", True)
    assert acknowledges.by == ("n2", "n3")
    assert vip is not None
    assert (vip.value, vip.by) == (False, ())


class Cursor:
    """Answers as psycopg2 does: an array of names becomes a list."""

    def __init__(self, answer: tuple[bool, bool, list[str]]) -> None:
        self.answer = answer

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, query: str) -> None:
        assert query == node_watch.POSTGRES

    def fetchone(self) -> tuple[bool, bool, list[str]]:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "open_", "acknowledges"),
    [
        ((True, False, ["n2"]), True, True),
        ((True, False, []), True, False),
        ((True, True, []), True, True),
        ((False, False, ["n2"]), False, False),
    ],
)
def test_a_database_acknowledges_when_it_waits_for_nobody_or_somebody_answers(
    answer: tuple[bool, bool, list[str]],
    open_: bool,
    acknowledges: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = ModuleType("psycopg2")
    driver.Error = OSError  # type: ignore[attr-defined]
    driver.connect = lambda **_: SimpleNamespace(cursor=lambda: Cursor(answer))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "psycopg2", driver)
    samples: list[tuple[str, bool | None, tuple[str, ...]]] = []

    def emit(kind: str, value: bool | None, by: Sequence[str] = ()) -> None:
        samples.append((kind, value, tuple(by)))
        if len(samples) == 2:
            raise Done

    monkeypatch.setattr(node_watch, "emit", emit)
    with pytest.raises(Done):
        node_watch.postgres_by_socket("/var/run/postgresql")
    assert samples == [("pg", open_, ()), ("pg_ack", acknowledges, tuple(answer[2]))]


def test_a_clock_that_is_set_does_not_move_the_samples(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    node_watch.emit("vip", True)
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + 60)
    node_watch.emit("vip", True)
    first, second = (json.loads(line)["at"] for line in capfd.readouterr().out.splitlines())
    assert 0 <= second - first < 5
