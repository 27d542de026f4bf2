"""Any answer of a host is a sign of life; trouble of one's own is none, and no silence either."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator

import pytest
from langflow_ha.failover.reach import who_answers

NOWHERE = ("192.0.2.1", 9)
"""TEST-NET-1: no route, or silence, on any machine."""


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_an_open_port_answers(listening: int) -> None:
    assert who_answers([("127.0.0.1", listening)], 1.0) == f"127.0.0.1 port {listening}"


def test_a_refusal_answers() -> None:
    port = free_port()
    assert who_answers([("127.0.0.1", port)], 1.0) == f"127.0.0.1 port {port}"


def test_one_of_many_ways_is_enough(listening: int) -> None:
    ways = [("127.0.0.1", listening), NOWHERE]
    assert who_answers([*ways], 1.0) and who_answers(reversed(ways), 1.0)


def test_silence_takes_the_time_out_at_most() -> None:
    begun = time.monotonic()
    with socket.create_server(("127.0.0.1", 0), backlog=1) as full:
        port = full.getsockname()[1]
        waiting = []
        for _ in range(4):  # a full backlog drops what comes, like a dead host
            link = socket.socket()
            link.setblocking(False)
            link.connect_ex(("127.0.0.1", port))
            waiting.append(link)
        assert who_answers([("127.0.0.1", port)], 0.3) == ""
        for link in waiting:
            link.close()
    assert time.monotonic() - begun < 30, "the system gives up after two minutes"


def test_no_way_there_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: errno.EHOSTUNREACH)
    assert who_answers([("127.0.0.1", 1), ("::1", 1)], 0.2) == ""


def test_trouble_of_ones_own_is_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: errno.EPERM)
    with pytest.raises(OSError, match="EPERM"):
        who_answers([("127.0.0.1", 1)], 0.2)
