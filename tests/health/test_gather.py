"""Probes over fake and real transports: whatever goes wrong is a failed observation."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from helpers import FAILED, OK, RAW, TIMED_OUT, make, raw, view
from langflow_ha.health import config, gather, probes
from langflow_ha.health.model import Observation, Outcome, PeerView
from langflow_ha.node.clock import boottime


class Fake:
    """Answers with what it was given: a reply, or an exception to raise."""

    def __init__(self, answer: probes.Reply | Exception | None = None) -> None:
        self.answer = answer

    def http_get(self, url: str, timeout: float, *, want_body: bool = False) -> probes.Reply:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or probes.Reply(200)

    def tcp_stays_open(self, address: str, port: int, timeout: float) -> None:
        self.http_get("", 0)

    resp_ping = host_answers = tcp_stays_open

    def share_takes_writes(self, share: config.Share, node: str, timeout: float) -> None:
        self.http_get("", 0)

    def memory_held(self, unit: str) -> int:
        return self.http_get("", 0).status

    def work_in_flight(self, port: int, runs_url: str, timeout: float) -> int:
        return self.http_get("", 0).status


def body(peer: PeerView) -> bytes:
    return json.dumps(asdict(peer)).encode()


def observed(check: str, transport: gather.Transport) -> Observation:
    (probe,) = [p for p in gather.probes_for(make(), transport) if p.check == check]
    return gather.observe(probe, lambda: 1.0)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (probes.Reply(200), OK),
        (probes.Reply(204), FAILED),
        (probes.Reply(503), FAILED),
        (TimeoutError(), TIMED_OUT),
        (ConnectionRefusedError(), FAILED),
        (OSError("no route"), FAILED),
        (RuntimeError("a bug"), FAILED),
    ],
)
@pytest.mark.parametrize("check", ["haproxy", "usable", "langflow"])
def test_http_checks(check: str, answer: probes.Reply | Exception, outcome: Outcome) -> None:
    assert observed(check, Fake(answer)).outcome is outcome


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (body(view("n2")), OK),
        (body(view("n3")), FAILED),
        (b"{}", FAILED),
        (b"[]", FAILED),
        (b"not json", FAILED),
        (b'{"name": "n2", "fit": true}', FAILED),
    ],
)
def test_a_peer_must_answer_for_itself(answer: bytes, outcome: Outcome) -> None:
    assert observed("peer:n2", Fake(probes.Reply(200, answer))).outcome is outcome


@pytest.mark.parametrize(
    ("error", "refused"),
    [(ConnectionRefusedError(), True), (TimeoutError(), False), (OSError("no route"), False)],
)
def test_only_a_refusal_counts_as_one(error: Exception, refused: bool) -> None:
    assert observed("peer:n2", Fake(error)).refused is refused


def test_doubt_is_settled_quickly() -> None:
    pace = config.Pace(interval=0.2, timeout=0.25, retry=0.05, fall=2, fall_timeout=3, rise=3)
    assert [gather.next_after(pace, n) for n in range(5)] == [0.2, 0.05, 0.05, 0.2, 0.2]


def test_two_members_also_ask_the_tie_breaker() -> None:
    two = make(members=RAW["members"][:2], tie_breakers=[{"address": "192.0.2.9", "port": 53}])
    assert "tie:192.0.2.9:53" in [p.check for p in gather.probes_for(two, Fake())]


def test_a_hanging_probe_fails_and_delays_nobody() -> None:
    for_ever = threading.Event()
    pace = config.Pace(interval=0.02, timeout=0.05, retry=0.02, fall=1, fall_timeout=1, rise=1)

    def hang() -> None:
        for_ever.wait()

    hangs = gather.Probe("hangs", pace, hang)
    well = gather.Probe("well", pace, lambda: None)
    board = gather.Board((hangs, well), boottime)
    gather.start((hangs, well), board, boottime)
    seen: list[Observation] = []

    def of(check: str) -> list[Outcome]:
        return [o.outcome for o in seen if o.check == check]

    end = time.monotonic() + 30
    while (len(of("well")) < 5 or not of("hangs")) and time.monotonic() < end:
        seen += board.collect(0.05)
    for_ever.set()
    assert len(of("well")) >= 5 and OK in of("well")
    assert set(of("hangs")) == {TIMED_OUT}


def test_after_a_sleep_nobody_is_overdue() -> None:
    now = [1000.0]
    pace = config.Pace(interval=0.2, timeout=0.3, retry=0.2, fall=1, fall_timeout=1, rise=1)
    board = gather.Board((gather.Probe("one", pace, lambda: None),), lambda: now[0])
    now[0] += 0.9
    assert [o.detail for o in board.collect(0.0)] == ["probe hangs"]
    now[0] += 60
    assert board.collect(0.0) == []


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def serve_once(listener: socket.socket, answer: bytes, pause: float = 0.0) -> int:
    """Accept one connection, wait, answer, close; returns the port."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.settimeout(pause or 0.05)
            with suppress(TimeoutError):
                connection.recv(1000)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


def test_http_over_a_real_socket(listener: socket.socket) -> None:
    port = serve_once(listener, b"HTTP/1.1 200 OK\r\n\r\nhello")
    reply = probes.http_get(f"http://127.0.0.1:{port}/x", 2.0, want_body=True)
    assert (reply.status, reply.body) == (200, b"hello")


def test_garbage_is_no_answer(listener: socket.socket) -> None:
    port = serve_once(listener, b"220 smtp ready\r\n")
    with pytest.raises(ConnectionError, match="no HTTP answer"):
        probes.http_get(f"http://127.0.0.1:{port}/", 2.0)


def test_a_frozen_server_accepts_but_times_out(listener: socket.socket) -> None:
    port = listener.getsockname()[1]  # the kernel accepts for a process that never does
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        probes.http_get(f"http://127.0.0.1:{port}/", 0.2)
    assert time.monotonic() - begun < 30, "it would wait for ever"


def test_a_proxy_without_servers_hangs_up(listener: socket.socket) -> None:
    port = serve_once(listener, b"")
    with pytest.raises(ConnectionResetError):
        probes.tcp_stays_open("127.0.0.1", port, 1.0)
    serve_once(listener, b"", pause=0.5)
    probes.tcp_stays_open("127.0.0.1", port, 1.0)


@pytest.mark.parametrize("answer", [b"+PONG\r\n", b"-NOAUTH Authentication required.\r\n"])
def test_valkey_answers(listener: socket.socket, answer: bytes) -> None:
    probes.resp_ping("127.0.0.1", serve_once(listener, answer), 1.0)


@pytest.mark.parametrize("answer", [b"", b"-LOADING dataset\r\n", b"HTTP/1.1 400\r\n"])
def test_valkey_answers_badly(listener: socket.socket, answer: bytes) -> None:
    with pytest.raises(ConnectionError):
        probes.resp_ping("127.0.0.1", serve_once(listener, answer), 1.0)


def test_a_refusal_proves_that_the_host_is_there(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    probes.host_answers("127.0.0.1", port, 0.5)


FIB = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 192.0.2.100
        /32 link UNICAST
Local:
     |-- 192.0.2.10
        /32 host LOCAL
"""


@pytest.mark.parametrize(
    ("addresses", "present"),
    [
        (("192.0.2.10",), True),
        (("192.0.2.1",), False),
        (("192.0.2.100",), False),  # a route to it, not the address
        (("2001:db8::100",), True),
        (("2001:db8::10",), False),
        ((), False),
    ],
)
def test_address_present(tmp_path: Path, addresses: tuple[str, ...], present: bool) -> None:
    (tmp_path / "fib_trie").write_text(FIB)
    (tmp_path / "if_inet6").write_text("20010db8000000000000000000000100 02 40 00 80 eth0\n")
    assert probes.address_present(addresses, tmp_path) is present


@pytest.mark.parametrize(
    ("text", "weight"),
    [("22\n", 22), (None, None), ("", 1), ("much", 1), ("0", 1), ("-3", 1), ("100", 99), ("é", 1)],
)
def test_the_canary_file_is_read_and_stops_nothing(
    tmp_path: Path, text: str | None, weight: int | None
) -> None:
    paths = {**RAW["paths"], "canary_file": str(tmp_path / "canary")}
    if text is not None:
        (tmp_path / "canary").write_text(text, encoding="utf-8")
    assert gather.look_around(config.parse(raw(paths=paths))).canary_weight == weight


def test_the_maintenance_file_is_looked_for(tmp_path: Path) -> None:
    paths = {**RAW["paths"], "maintenance_file": str(tmp_path / "maintenance")}
    settings = config.parse(raw(paths=paths))
    assert not gather.look_around(settings).maintenance
    (tmp_path / "maintenance").touch()
    assert gather.look_around(settings).maintenance
