"""The loop: gather, decide, act, about ten times a second, and the ways it fails closed.

- no verdict yet: -100 is written before anything else;
- the process dies: the unit's ExecStopPost writes -100;
- the process is stopped: systemd's watchdog kills it, then as above;
- the loop stalls while the process lives: the guard thread writes -100 and ends the process;
- a machine that slept: `decide` forgets what it knew.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from langflow_ha.health import act, gather
from langflow_ha.health.config import Config
from langflow_ha.health.decide import Decision, decide
from langflow_ha.health.events import transitions
from langflow_ha.health.gather import Board
from langflow_ha.health.model import WEIGHT_UNFIT, Standing, State, Surroundings
from langflow_ha.health.server import Server
from langflow_ha.health.snapshot import Snapshot
from langflow_ha.node.clock import Clock, boottime
from langflow_ha.node.files import ask_systemd, write_atomically
from langflow_ha.node.journal import INFO, Event, Journal
from langflow_ha.node.loop import Loop

EXIT_STALLED = 70
_PULSE = 0.25
"""Seconds between two signs of life to systemd, a fraction of WatchdogSec."""


class Agent:
    """One node's agent. `step` is one pass; `run` repeats it until told to stop."""

    def __init__(self, config: Config, board: Board, clock: Clock, boot_id: str) -> None:
        self._config = config
        self._board = board
        self._clock = clock
        self._boot_id = boot_id
        self._last: Decision | None = None
        self._weight_file = act.WeightFile(Path(config.paths.weight_file))
        self._handover = act.Handover(Path(config.paths.handover_file), boot_id)
        paths = config.paths
        self._journal = Journal(Path(paths.journal), paths.journal_bytes, config.node)
        self._seq = self._transitions = self._restarts = self._recycles = 0
        self._weight = WEIGHT_UNFIT
        self._began = clock()
        self._inherited = self._handover.take(self._began, config.limits.restart_grace)
        self._weight_file.write(WEIGHT_UNFIT if self._inherited is None else self._inherited)

    def step(self, look_around: Callable[[], Surroundings]) -> Snapshot:
        """Wait a tick for news, decide, act, and return what to show."""
        news = self._board.collect(self._config.limits.tick)
        before, now = self._last, self._clock()
        state = before.state if before else State()
        new = decide(self._config, state, news, look_around(), now)
        self._last = new
        self._seq += 1
        self._weight = self._effective_weight(new, now)
        self._weight_file.write(self._weight)
        if new.verdict.restart_langflow:
            ask_systemd(Path(self._config.paths.restart_request))
            self._restarts += 1
        if new.verdict.recycle_langflow:
            ask_systemd(Path(self._config.paths.recycle_request))
            self._recycles += 1
        if new.verdict.kill_keepalived:
            ask_systemd(Path(self._config.paths.keepalived_request))
        for event in transitions(self._config, before, new):
            self._journal.record(event)
            self._transitions += 1
        return Snapshot(
            config=self._config,
            decision=new,
            weight=self._weight,
            boot_id=self._boot_id,
            seq=self._seq,
            transitions=self._transitions,
            restarts=self._restarts,
            recycles=self._recycles,
            journal_dropped=self._journal.dropped,
        )

    def fail_closed(self) -> None:
        """The guard's last act before it ends a stalled process."""
        write_atomically(self._weight_file.path, f"{WEIGHT_UNFIT}\n")

    def stop_cleanly(self) -> None:
        """Leave the weight to a successor. Whether there is one, the unit's ExecStopPost knows."""
        self._handover.leave(self._weight, self._clock())
        self._journal.record(Event(INFO, "agent_stopped", f"weight {self._weight} left behind"))
        self._journal.flush()

    def _effective_weight(self, new: Decision, now: float) -> int:
        """The verdict's weight; after a restart, the predecessor's until there is a verdict."""
        if self._inherited is not None:
            young = now - self._began <= self._config.limits.restart_grace
            if young and new.verdict.standing is Standing.UNKNOWN:
                return self._inherited
            self._inherited = None
        return new.verdict.weight


class Guard:
    """Ends a process whose loop has stalled.

    Independent of systemd's watchdog, and quicker to fail closed: it writes the file itself.
    """

    def __init__(self, agent: Agent, limit: float, clock: Clock) -> None:
        self._agent = agent
        self._limit = limit
        self._clock = clock
        self._beat = clock()

    def beat(self) -> None:
        """The loop has just come round."""
        self._beat = self._clock()

    def stalled(self) -> bool:
        """Has the loop been silent for longer than the limit?"""
        return self._clock() - self._beat > self._limit

    def watch(self) -> None:
        """Run for ever in a thread. Two looks in a row: after a sleep the loop gets its chance."""
        before = False
        while True:
            time.sleep(self._limit / 4)
            stalled = self.stalled()
            if stalled and before:
                self._agent.fail_closed()
                os._exit(EXIT_STALLED)
            before = stalled


def run(config: Config, boot_id: str) -> None:
    """Run until SIGTERM or SIGINT."""
    loop, server = Loop(), Server(boottime)
    all_probes = gather.probes_for(config, gather.Network())
    board = Board(all_probes, boottime)
    agent = Agent(config, board, boottime, boot_id)
    server.start(config.listen_address, config.http_port, config.agent_check_port)
    gather.start(all_probes, board, boottime)
    guard = Guard(agent, config.limits.stall, boottime)
    threading.Thread(target=guard.watch, name="guard", daemon=True).start()

    def step() -> str:
        snapshot = agent.step(lambda: gather.look_around(config))
        guard.beat()
        server.publish(snapshot)
        return f"{snapshot.decision.verdict.standing}, weight {snapshot.weight}"

    loop.run(step, _PULSE)
    agent.stop_cleanly()
