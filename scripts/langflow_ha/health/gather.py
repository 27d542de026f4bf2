"""Probes, each in a thread of its own, that leave their results on a board.

A probe that hangs in spite of its time-out holds up nobody: the board notices that its answer is
overdue and reports a time-out in its name. A probe that hangs is a failed probe.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from langflow_ha.health import burden, canary, probes
from langflow_ha.health.config import Backend, Config, Langflow, Pace, Share
from langflow_ha.health.knowledge import (
    HAPROXY,
    LANGFLOW,
    MEMORY,
    PEER,
    SHARE,
    TIE_BREAKER,
    USABLE,
    WHOLE,
    WORK,
    pace_of,
)
from langflow_ha.health.model import Observation, Outcome, PeerView, Surroundings
from langflow_ha.health.share import Writer
from langflow_ha.node.clock import Clock
from langflow_ha.node.members import Member

_OVERDUE_SLACK = 0.25
"""Seconds by which an answer may be late for want of CPU before the board speaks for it."""
_NAP = 1.0
"""Two looks at the board this far apart mean that everybody slept: nobody is overdue then."""


class Transport(Protocol):
    """What the probes need from outside the process; `Network` is the real one."""

    def http_get(self, url: str, timeout: float, *, want_body: bool = False) -> probes.Reply: ...
    def tcp_stays_open(self, address: str, port: int, timeout: float) -> None: ...
    def resp_ping(self, address: str, port: int, timeout: float) -> None: ...
    def host_answers(self, address: str, port: int, timeout: float) -> None: ...
    def share_takes_writes(self, share: Share, node: str, timeout: float) -> None: ...
    def memory_held(self, unit: str) -> int: ...
    def work_in_flight(self, port: int, runs_url: str, timeout: float) -> int: ...


class Network:
    """The real transport."""

    def __init__(self) -> None:
        self._writers: dict[str, Writer] = {}

    def http_get(self, url: str, timeout: float, *, want_body: bool = False) -> probes.Reply:
        return probes.http_get(url, timeout, want_body=want_body)

    def tcp_stays_open(self, address: str, port: int, timeout: float) -> None:
        probes.tcp_stays_open(address, port, timeout)

    def resp_ping(self, address: str, port: int, timeout: float) -> None:
        probes.resp_ping(address, port, timeout)

    def host_answers(self, address: str, port: int, timeout: float) -> None:
        probes.host_answers(address, port, timeout)

    def share_takes_writes(self, share: Share, node: str, timeout: float) -> None:
        path = f"{share.directory}/health/{node}"
        if path not in self._writers:
            self._writers[path] = Writer(path)
        self._writers[path].write(timeout)

    def memory_held(self, unit: str) -> int:
        return burden.memory_held(unit)

    def work_in_flight(self, port: int, runs_url: str, timeout: float) -> int:
        return burden.work_in_flight(port, runs_url, timeout)


@dataclass(frozen=True, slots=True)
class Probe:
    """A named question with its pace. `ask` raises what it cannot answer, and returns what it found."""

    check: str
    pace: Pace
    ask: Callable[[], object]


def probes_for(config: Config, transport: Transport) -> tuple[Probe, ...]:
    """Everything this node has to ask."""
    return tuple(
        Probe(check, pace_of(config, check), ask) for check, ask in _questions(config, transport)
    )


def observe(probe: Probe, clock: Clock) -> Observation:
    """Ask once. Whatever goes wrong is a failed observation, never an exception.

    It bears the time of the question: an answer can be older than it looks, not younger.
    """
    asked = clock()
    try:
        found = probe.ask()
    except TimeoutError:
        detail = f"no answer in {probe.pace.timeout:g} s"
        return Observation(probe.check, asked, Outcome.TIMED_OUT, detail)
    except ConnectionRefusedError as error:
        return Observation(probe.check, asked, Outcome.FAILED, str(error), refused=True)
    except Exception as error:  # a probe with a bug must not pass for a healthy node
        return Observation(probe.check, asked, Outcome.FAILED, str(error) or type(error).__name__)
    peer = found if isinstance(found, PeerView) else None
    return Observation(probe.check, asked, Outcome.OK, peer=peer, found=found)


def look_around(config: Config, proc: Path = Path("/proc/self/net")) -> Surroundings:
    """Look up what is cheap enough for every pass."""
    return Surroundings(
        vip_held=probes.address_present(config.vip_addresses, proc),
        maintenance=Path(config.paths.maintenance_file).exists(),
        canary_weight=canary.weight(Path(config.paths.canary_file)),
    )


class Board:
    """Where probes leave observations and the loop picks them up. Thread-safe."""

    def __init__(self, all_probes: tuple[Probe, ...], clock: Clock) -> None:
        self._clock = clock
        self._news = threading.Condition()
        self._waiting: list[Observation] = []
        self._patience = {p.check: _patience(p.pace) for p in all_probes}
        self._looked = clock()
        self._last = dict.fromkeys(self._patience, self._looked)

    def post(self, observation: Observation) -> None:
        """Leave an observation and wake the loop."""
        with self._news:
            self._last[observation.check] = observation.at
            self._waiting.append(observation)
            self._news.notify()

    def collect(self, wait: float) -> list[Observation]:
        """All news, overdue ones included, oldest first; waits up to `wait` seconds for it."""
        with self._news:
            if not self._waiting:
                self._news.wait(wait)
            news, self._waiting = self._waiting, []
            now = self._clock()
            if now - self._looked > _NAP:
                self._last = dict.fromkeys(self._patience, now)
            self._looked = now
            for check, last in self._last.items():
                if now - last > self._patience[check]:
                    self._last[check] = now
                    news.append(Observation(check, now, Outcome.TIMED_OUT, "probe hangs"))
        return sorted(news, key=lambda observation: observation.at)


def start(all_probes: tuple[Probe, ...], board: Board, clock: Clock) -> None:
    """Start one daemon thread per probe; they end with the process."""
    for probe in all_probes:
        threading.Thread(
            target=_keep_asking, args=(probe, board, clock), name=probe.check, daemon=True
        ).start()


def _keep_asking(probe: Probe, board: Board, clock: Clock) -> None:
    failures = 0
    while True:
        begun = clock()
        observation = observe(probe, clock)
        board.post(observation)
        failures = 0 if observation.ok else failures + 1
        time.sleep(max(0.01, begun + next_after(probe.pace, failures) - clock()))


def next_after(pace: Pace, failures: int) -> float:
    """Seconds from one question to the next, after that many failures in a row."""
    in_doubt = 0 < failures < max(pace.fall, pace.fall_timeout)
    return min(pace.retry, pace.interval) if in_doubt else pace.interval


def _patience(pace: Pace) -> float:
    return max(pace.interval, pace.timeout) + pace.timeout + _OVERDUE_SLACK


def _questions(config: Config, net: Transport) -> Iterator[tuple[str, Callable[[], object]]]:
    paces = config.paces
    if config.haproxy:
        yield HAPROXY, _http_ok(net, config.haproxy.live_url, paces.haproxy.timeout)
        if config.haproxy.usable_url:
            yield USABLE, _http_ok(net, config.haproxy.usable_url, paces.usable.timeout)
        if config.haproxy.whole_url:
            yield WHOLE, _http_ok(net, config.haproxy.whole_url, paces.usable.timeout)
    if config.langflow:
        yield LANGFLOW, _http_ok(net, config.langflow.ready_url, paces.langflow.timeout)
        yield MEMORY, _memory(net, config.langflow)
        yield WORK, _work(net, config.langflow, paces.burden.timeout)
    for backend in config.backends:
        yield backend.name, _backend(net, backend, paces.backend.timeout)
    if config.share:
        yield SHARE, _share(net, config.share, config.node, paces.share.timeout)
    for peer in config.peers:
        yield PEER + peer.name, ask_peer(net, peer, config.http_port, paces.peer.timeout)
    if len(config.members) == 2:
        for tie in config.tie_breakers:
            check = f"{TIE_BREAKER}{tie.address}:{tie.port}"
            yield check, _host(net, tie.address, tie.port, paces.peer.timeout)


def _http_ok(net: Transport, url: str, timeout: float) -> Callable[[], None]:
    def ask() -> None:
        status = net.http_get(url, timeout).status
        if status != 200:
            raise ConnectionError(f"HTTP {status}")

    return ask


def _backend(net: Transport, backend: Backend, timeout: float) -> Callable[[], None]:
    question = net.resp_ping if backend.kind == "resp" else net.tcp_stays_open
    return lambda: question(backend.address, backend.port, timeout)


def _share(net: Transport, share: Share, node: str, timeout: float) -> Callable[[], None]:
    return lambda: net.share_takes_writes(share, node, timeout)


def _memory(net: Transport, langflow: Langflow) -> Callable[[], int]:
    return lambda: net.memory_held(langflow.unit)


def _work(net: Transport, langflow: Langflow, timeout: float) -> Callable[[], int]:
    port = urlsplit(langflow.ready_url).port or 0
    return lambda: net.work_in_flight(port, langflow.runs_url, timeout)


def _host(net: Transport, address: str, port: int, timeout: float) -> Callable[[], None]:
    return lambda: net.host_answers(address, port, timeout)


def ask_peer(net: Transport, peer: Member, port: int, timeout: float) -> Callable[[], PeerView]:
    """A question for the view of `peer`'s health agent; `timeout` in seconds."""
    url = f"http://{_bracketed(peer.address)}:{port}/peer"

    def ask() -> PeerView:
        reply = net.http_get(url, timeout, want_body=True)
        if reply.status != 200:
            raise ConnectionError(f"HTTP {reply.status}")
        view = parse_peer(reply.body)
        if view.name != peer.name:
            raise ConnectionError(f"{url} is {view.name}, not {peer.name}")
        return view

    return ask


def parse_peer(body: bytes) -> PeerView:
    """Decode the answer of `/peer`. Raises `ValueError` on anything else."""
    try:
        raw = json.loads(body)
        held_for = raw["vip_held_for"]
        return PeerView(
            name=str(raw["name"]),
            fit=raw["fit"] is True,
            isolated=raw["isolated"] is True,
            vip_held_for=None if held_for is None else float(held_for),
            checks={str(k): v is True for k, v in raw["checks"].items()},
            sees=tuple(map(str, raw["sees"])),
            boot_id=str(raw["boot_id"]),
            seq=int(raw["seq"]),
            loop_age=float(raw["loop_age"]),
            stage=raw.get("recycling"),
            carries=raw.get("carries", True) is True,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a peer's answer: {error!r}") from None


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
