"""The loop: gather, decide, act. A daemon that is dead, frozen or in doubt closes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from langflow_ha.failover.gather import Suspects
from langflow_ha.health.gather import Board, Network, start
from langflow_ha.health.model import Observation
from langflow_ha.node.clock import Clock, boottime
from langflow_ha.node.journal import Journal
from langflow_ha.node.loop import Loop
from langflow_ha.node.pages import JSON, TEXT, PageServer
from langflow_ha.runs import events
from langflow_ha.runs.config import Config, Secrets
from langflow_ha.runs.database import Database
from langflow_ha.runs.decide import decide
from langflow_ha.runs.gather import probes_for, running_start
from langflow_ha.runs.langflow import Closer, signer
from langflow_ha.runs.model import Closing, Decision, State
from langflow_ha.runs.snapshot import Snapshot, metrics_text, status_json

_PULSE = 0.5
"""Seconds between two signs of life to systemd, a fraction of WatchdogSec."""


class Closes(Protocol):
    """What the loop needs of a `Closer`; the tests put a fake in its place."""

    def ask(self, closing: Closing) -> None: ...
    def results(self) -> list[Observation]: ...


class Daemon:
    """One node's daemon. `step` is one pass; `run` repeats it until told to stop."""

    def __init__(self, config: Config, board: Board, suspects: Suspects, closer: Closes) -> None:
        self._config = config
        self._board = board
        self._suspects = suspects
        self._closer = closer
        self._last: Decision | None = None
        self.journal = Journal(Path(config.journal), config.journal_bytes, config.node)
        self._closed = self._failed = 0

    def step(self, clock: Clock) -> Snapshot:
        """Wait a tick for news, decide, act, and return what to show."""
        news = self._board.collect(self._config.limits.tick)
        # After the news, never before: a start that accepted one of the runs in it is there by now.
        own_start = running_start(Path(self._config.invocation))
        before = self._last
        new = decide(self._config, before.state if before else State(), news, own_start, clock())
        self._last = new
        self._suspects.names = new.verdict.suspects
        for event in events.transitions(before, new):
            self.journal.record(event)
        for result in self._closer.results():
            self._closed += result.ok
            self._failed += not result.ok
            self.journal.record(events.attempt(result))
        for closing in new.verdict.close:
            self._closer.ask(closing)
        return Snapshot(
            self._config, new, own_start, self._closed, self._failed, self.journal.dropped
        )


def run(config: Config, secrets: Secrets) -> None:
    """Run until SIGTERM or SIGINT."""
    loop, timeout, suspects = Loop(), config.limits.timeout, Suspects()
    database = Database(secrets.database, timeout)
    # The own one first: it needs no network.
    hosts = sorted(config.langflows, key=lambda host: (host.name != config.node, host.name))
    addresses = [host.addresses[0] for host in hosts]
    sign = signer(secrets.secret_key)
    closer = Closer(addresses, config.langflow_port, sign, config.limits.call, boottime)
    all_probes = probes_for(config, Network(), database.queued, suspects)
    board = Board(all_probes, boottime)
    daemon = Daemon(config, board, suspects, closer)
    pages = {b"/status": (JSON, status_json), b"/metrics": (TEXT, metrics_text)}
    server: PageServer[Snapshot] = PageServer(pages, boottime)
    server.serve(config.listen_addresses, config.http_port)
    start(all_probes, board, boottime)

    def step() -> str:
        snapshot = daemon.step(boottime)
        server.publish(snapshot)
        return f"{snapshot.decision.verdict.orphans} to close"

    loop.run(step, _PULSE)
    daemon.journal.flush()
