"""The loop: gather, decide, act. A daemon that is dead, frozen or in doubt does nothing.

Then Patroni waits until the lease runs out, as it does without the daemon.
"""

from __future__ import annotations

from pathlib import Path

from langflow_ha.failover import act, events
from langflow_ha.failover.config import Config
from langflow_ha.failover.decide import decide
from langflow_ha.failover.etcd import Gateway, Post
from langflow_ha.failover.gather import Suspects, probes_for
from langflow_ha.failover.model import Decision, Lease, State
from langflow_ha.failover.snapshot import Snapshot, metrics_text, status_json
from langflow_ha.health.gather import Board, Network, start
from langflow_ha.health.model import Observation
from langflow_ha.node.clock import Clock, boottime
from langflow_ha.node.files import ask_systemd
from langflow_ha.node.journal import Journal
from langflow_ha.node.loop import Loop
from langflow_ha.node.pages import JSON, TEXT, PageServer

_PULSE = 0.5
"""Seconds between two signs of life to systemd, a fraction of WatchdogSec."""


class Daemon:
    """One node's daemon. `step` is one pass; `run` repeats it until told to stop."""

    def __init__(self, config: Config, board: Board, suspects: Suspects, post: Post) -> None:
        self._config = config
        self._board = board
        self._suspects = suspects
        self._post = post
        self._last: Decision | None = None
        self._results: list[Observation] = []
        self.journal = Journal(Path(config.journal), config.journal_bytes, config.node)
        self._ended = self._failed = self._fences = 0

    def step(self, clock: Clock) -> Snapshot:
        """Wait a tick for news, decide, act, and return what to show."""
        news = [*self._results, *self._board.collect(self._config.limits.tick)]
        self._results = []
        before = self._last
        new = decide(self._config, before.state if before else State(), news, clock())
        self._last = new
        self._suspects.names = new.verdict.suspects
        for event in events.transitions(before, new):
            self.journal.record(event)
        if new.verdict.fence:
            ask_systemd(Path(self._config.fence_request))
            self._fences += 1
        if new.verdict.end:
            self._end(new.verdict.end, new.verdict.evidence, clock)
        return Snapshot(
            self._config, new, self._ended, self._failed, self._fences, self.journal.dropped
        )

    def _end(self, lease: Lease, evidence: dict[str, object], clock: Clock) -> None:
        config = self._config
        result = act.end_lease(
            self._post, config.key_prefix, lease, config.limits.not_renewed_for, clock
        )
        self._results.append(result)
        self._ended += result.ok
        self._failed += not result.ok
        self.journal.record(events.attempt(result, evidence))


def run(config: Config) -> None:
    """Run until SIGTERM or SIGINT."""
    loop, timeout, suspects = Loop(), config.limits.timeout, Suspects()
    # A connection of its own for the loop: the probe's thread may be in the middle of a question.
    for_probe, for_loop = Gateway(config.etcd, timeout), Gateway(config.etcd, timeout)
    all_probes = probes_for(config, Network(), for_probe, suspects)
    board = Board(all_probes, boottime)
    daemon = Daemon(config, board, suspects, for_loop.post)
    pages = {b"/status": (JSON, status_json), b"/metrics": (TEXT, metrics_text)}
    server: PageServer[Snapshot] = PageServer(pages, boottime)
    server.serve(config.listen_addresses, config.http_port)
    start(all_probes, board, boottime)

    def step() -> str:
        snapshot = daemon.step(boottime)
        server.publish(snapshot)
        return f"leader {snapshot.decision.verdict.evidence['leader'] or 'unknown'}"

    loop.run(step, _PULSE)
    daemon.journal.flush()
