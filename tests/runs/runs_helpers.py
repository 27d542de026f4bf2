"""A configuration of three LangFlow nodes, seen from n2, and short ways to say what was seen."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from langflow_ha.failover.model import Reach
from langflow_ha.failover.witnesses import AGENT, REACH
from langflow_ha.health.model import Observation, Outcome, PeerView
from langflow_ha.runs import config
from langflow_ha.runs.config import Config
from langflow_ha.runs.decide import QUEUE, decide, noted
from langflow_ha.runs.model import Decision, Queued, State
from node_helpers import view

NAMES = ("n1", "n2", "n3")
RAW: dict[str, Any] = {
    "node": "n2",
    "listen_addresses": ["127.0.0.1"],
    "http_port": 0,
    "members": [{"name": n, "address": f"192.0.2.{n[1:]}"} for n in NAMES],
    "agent_port": 7950,
    "langflows": [{"name": n, "addresses": [f"192.0.2.{n[1:]}"], "ports": [7860]} for n in NAMES],
    "langflow_port": 7860,
    "invocation": "/nonexistent/invocation",
    "secrets": "/nonexistent/secrets",
    "limits": {
        "tick": 0.2,
        "poll": 0.7,
        "timeout": 1.0,
        "call": 3.0,
        "fresh": 2.5,
        "silent_for": 8.0,
        "stagger": 2.0,
        "retry": 3.0,
        "stall": 2.0,
    },
    "journal": "/nonexistent/events.jsonl",
    "journal_bytes": 100000,
}


def raw(**changes: Any) -> dict[str, Any]:
    """A fresh copy of the configuration as JSON would have it."""
    return {**copy.deepcopy(RAW), **changes}


def make(**changes: Any) -> Config:
    return config.parse(raw(**changes))


def start(number: int) -> str:
    """The number-th start of a LangFlow, as systemd writes it."""
    return f"{number:032x}"


def queued(job: str, node: str, number: int = 1, **changes: Any) -> Queued:
    fields: dict[str, Any] = {
        "job": job,
        "user": "u",
        "accepted_by": noted(start(number), node),
        "claimed": False,
    }
    return Queued(**{**fields, **changes})


class Node:
    """A daemon's decisions on a clock of its own."""

    def __init__(self, settings: Config | None = None) -> None:
        self.config = settings or make()
        self.now = 1000.0
        self.state = State()

    def round(
        self,
        runs: Iterable[Queued] | None = (),
        own: str | None = start(1),
        views: Mapping[str, PeerView | None] | None = None,
        reach: Mapping[str, Reach] | None = None,
        step: float = 0.7,
    ) -> Decision:
        """One answer of every kind; everybody is well unless the round says otherwise.

        A view that is None is a question without an answer; `runs` None: the queue is not readable.
        """
        self.now += step
        seen = []
        if runs is not None:
            seen.append(Observation(QUEUE, self.now, Outcome.OK, found=tuple(runs)))
        names = [member.name for member in self.config.members]
        for name in names:
            others = [other for other in names if other != name]
            shown = (views or {}).get(name, view(name, others))
            outcome = Outcome.OK if shown else Outcome.TIMED_OUT
            seen.append(Observation(AGENT + name, self.now, outcome, peer=shown, found=shown))
        for name, found in (reach or {}).items():
            seen.append(Observation(REACH + name, self.now, Outcome.OK, found=found))
        decision = decide(self.config, self.state, seen, own, self.now)
        self.state = decision.state
        return decision

    def without(self, gone: str, runs: Iterable[Queued] | None, **more: Any) -> Decision:
        """A round in which `gone` has no sign of life, and the others say so."""
        left = {member.name for member in self.config.members} - {gone}
        views = {name: view(name, left - {name}) for name in left}
        return self.round(
            runs, views={**views, gone: None}, reach={gone: Reach(asked=True)}, **more
        )


def closed(decision: Decision) -> list[str]:
    return [closing.job for closing in decision.verdict.close]
