"""A configuration, short ways to say what a look brought, and a database that is a list of runs."""

from __future__ import annotations

import copy
from typing import Any

from langflow_ha.exporter import config
from langflow_ha.exporter.config import Config
from langflow_ha.exporter.decide import decide
from langflow_ha.exporter.model import Look, Pending, Question, Run, State

RAW: dict[str, Any] = {
    "listen_addresses": ["127.0.0.1"],
    "http_port": 0,
    "secrets": "/nonexistent/secrets",
    "limits": {
        "interval": 15.0,
        "share": 0.01,
        "timeout": 2.0,
        "overlap": 60.0,
        "window": 300.0,
        "runs": 5000,
        "flows": 100,
    },
}
EPOCH = 1_800_000_000.0
"""The database's clock when the daemon's shows 0."""


def raw(**limits: Any) -> dict[str, Any]:
    """A fresh copy of the configuration as JSON would have it."""
    found = copy.deepcopy(RAW)
    found["limits"].update(limits)
    return found


def make(**limits: Any) -> Config:
    return config.parse(raw(**limits))


def run(number: int, ended: float, flow: str = "f1", **changes: Any) -> Run:
    """A run that ended at a time of the daemon's clock."""
    fields = {"seconds": 0.4, "ok": True, "tokens": 10, "name": f"Flow {flow}", **changes}
    return Run(f"run-{number}", flow, ended=EPOCH + ended, **fields)


class Server:
    """Answers as the database would; a run is there `late` seconds after it ended."""

    def __init__(self, settings: Config) -> None:
        self.config = settings
        self.runs: list[tuple[Run, float]] = []
        self.pending: tuple[Pending, ...] = ()
        self.error = ""
        self.took = 0.01
        self.questions: list[tuple[float, Question]] = []
        self.state = State()
        self._answered: list[Look] = []

    def add(self, *runs: Run, late: float = 0.0) -> None:
        self.runs += [(run, run.ended + late) for run in runs]

    def look(self, question: Question, at: float) -> Look:
        if self.error:
            return Look(at, self.took, error=self.error)
        now, most = EPOCH + at, self.config.limits.runs
        there = sorted((r for r, shown in self.runs if shown <= now), key=lambda r: r.ended)
        since = question.since
        found = [] if since is None else [r for r in there if r.ended >= since][:most]
        full = len(found) >= most
        return Look(at, self.took, "", now, tuple(found), full, self.pending)

    def live(self, start: int, end: int) -> State:
        """Let the daemon run from one second to another."""
        for second in range(start, end):
            decision = decide(self.config, self.state, self._answered, float(second))
            self.state, self._answered = decision.state, []
            if decision.ask:
                self.questions.append((float(second), decision.ask))
                self._answered = [self.look(decision.ask, float(second))]
        return self.state
