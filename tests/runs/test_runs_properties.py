"""Whatever happens on a site, a run that a living LangFlow still has in its queue is never closed, and every
run whose LangFlow was killed on a living node is."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from langflow_ha.failover.model import Reach
from langflow_ha.failover.witnesses import AGENT, REACH
from langflow_ha.health.model import Observation, Outcome
from langflow_ha.runs.decide import QUEUE, decide, noted
from langflow_ha.runs.model import Closing, Queued, State
from node_helpers import view
from runs_helpers import NAMES, make, start

POLL = 0.7


@dataclass
class Machine:
    """A node: its power, and which start of LangFlow runs there with which queue in its memory."""

    powered: bool = True
    agent: bool = True
    paused: bool = False
    starts: int = 1
    runs: bool = True
    memory: set[str] = field(default_factory=set)
    state: State = field(default_factory=State)

    @property
    def awake(self) -> bool:
        return self.powered and not self.paused

    @property
    def link(self) -> str:
        return start(self.starts) if self.runs else ""


class Site:
    """Three nodes, links that can be cut in one direction, and the database's table."""

    def __init__(self) -> None:
        self.machines = {name: Machine() for name in NAMES}
        self.cut: set[tuple[str, str]] = set()
        self.rows: dict[str, Queued] = {}
        self.readable = True
        self.now = 1000.0
        self.jobs = 0
        self.closed: list[tuple[str, str, Closing]] = []

    def talk(self, one: str, other: str) -> bool:
        both = self.machines[one].awake and self.machines[other].awake
        return one == other or (both and not {(one, other), (other, one)} & self.cut)

    def submit(self, name: str) -> None:
        machine = self.machines[name]
        if machine.awake and machine.runs and self.readable:
            self.jobs += 1
            job = f"job-{self.jobs}"
            note = noted(start(machine.starts), name)
            self.rows[job] = Queued(job, "u", note)
            machine.memory.add(job)

    def begin(self, name: str) -> None:
        """The oldest run of a queue gets its turn: its row is not queued any more."""
        machine = self.machines[name]
        if machine.awake and machine.runs and machine.memory and self.readable:
            job = min(machine.memory)
            machine.memory.discard(job)
            self.rows.pop(job, None)

    def kill(self, name: str) -> None:
        self.machines[name].memory.clear()
        self.machines[name].runs = False

    def boot(self, name: str) -> None:
        machine = self.machines[name]
        if machine.awake and not machine.runs:
            machine.runs, machine.starts = True, machine.starts + 1

    def sees(self, name: str) -> list[str]:
        return [other for other in NAMES if other != name and self.talk(name, other)]

    def step(self) -> None:
        """Every daemon that is awake looks and acts once."""
        self.now += POLL
        for name, machine in self.machines.items():
            if machine.awake:
                self._decide(name, machine)

    def _decide(self, name: str, machine: Machine) -> None:
        seen = []
        if self.readable:
            found = tuple(self.rows.values())
            seen.append(Observation(QUEUE, self.now, Outcome.OK, found=found))
        for other in NAMES:
            answers = self.talk(name, other) and self.machines[other].agent
            known = self.sees(other)
            shown = view(other, known, isolated=not known) if answers else None
            outcome = Outcome.OK if shown else Outcome.TIMED_OUT
            seen.append(Observation(AGENT + other, self.now, outcome, found=shown))
            reach = Reach(asked=True, answered="22" if self.talk(name, other) else "")
            seen.append(Observation(REACH + other, self.now, Outcome.OK, found=reach))
        config = make(node=name)
        decision = decide(config, machine.state, seen, machine.link, self.now)
        machine.state = decision.state
        for closing in decision.verdict.close:
            holders = [n for n, m in self.machines.items() if closing.job in m.memory]
            self.closed.append((name, ",".join(holders), closing))
            self.rows.pop(closing.job, None)


actions = st.sampled_from(
    ["submit", "begin", "kill", "boot", "off", "on", "agent", "database", "pause", "resume"]
)
events = st.lists(
    st.tuples(actions, st.sampled_from(NAMES), st.integers(0, 20)), min_size=1, max_size=40
)
cuts = st.sets(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda x: x[0] != x[1]),
    max_size=1,
)


def happen(site: Site, action: str, name: str) -> None:
    machine = site.machines[name]
    if action == "submit":
        site.submit(name)
    elif action == "begin":
        site.begin(name)
    elif action == "kill":
        site.kill(name)
    elif action == "boot":
        site.boot(name)
    elif action == "off":
        site.kill(name)
        machine.powered, machine.state = False, State()
    elif action == "on":
        machine.powered, machine.paused = True, False
    elif action == "agent":
        machine.agent = not machine.agent
    elif action == "database":
        site.readable = not site.readable
    elif action == "pause":
        machine.paused = machine.powered
    else:
        machine.paused = False


def one_is_paused(site: Site) -> set[str]:
    return {name for name, machine in site.machines.items() if machine.paused}


@given(events, cuts)
@settings(max_examples=400, deadline=None)
def test_what_a_living_langflow_holds_is_never_closed(
    story: list[tuple[str, str, int]], cut: set[tuple[str, str]]
) -> None:
    """A paused machine may come back, but while it stands still its host is silent like a dead one: the only
    runs that are closed although some memory has them are those of a machine that was silent all that time."""
    site = Site()
    site.cut = cut
    for action, name, steps in story:
        happen(site, action, name)
        silent = one_is_paused(site)
        before = len(site.closed)
        for _ in range(steps):
            site.step()
        for _, holder, closing in site.closed[before:]:
            assert not holder or (holder in silent and holder == closing.node)


@given(events)
@settings(max_examples=150, deadline=None)
def test_in_the_end_nothing_is_left_queued_that_can_never_start(
    story: list[tuple[str, str, int]],
) -> None:
    site = Site()
    for action, name, steps in story:
        happen(site, action, name)
        for _ in range(steps):
            site.step()
    for name, machine in site.machines.items():
        machine.powered, machine.paused, machine.agent, site.readable = True, False, True, True
        site.boot(name)
    for _ in range(8):
        site.step()
    held = set().union(*(machine.memory for machine in site.machines.values()))
    assert set(site.rows) <= held
