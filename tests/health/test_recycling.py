"""Gentle restarts of a LangFlow that leaks: patient, one node at a time, never without the others."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import pytest
from helpers import FAILED, OK, RAW, TIMED_OUT, Node, make, view
from hypothesis import given, settings
from hypothesis import strategies as st
from langflow_ha.health.config import Config
from langflow_ha.health.decide import Decision
from langflow_ha.health.events import transitions
from langflow_ha.health.model import OUT, PeerView, Stage
from langflow_ha.node.journal import PAGE, WARNING

STEP = 0.9
LEAKS, FITS = 1001, 1000
"""Bytes just above and at the bound of `helpers.RAW`."""


def wait(node: Node, seconds: float, **more: Any) -> list[Decision]:
    end, decisions = node.now + seconds, []
    while node.now < end:
        decisions.append(node.round(step=STEP, **more))
    return decisions


def stages(decisions: list[Decision]) -> list[Stage]:
    """The stages in their order, each once."""
    found: list[Stage] = []
    for decision in decisions:
        if not found or found[-1] is not decision.state.recycling.stage:
            found.append(decision.state.recycling.stage)
    return found


def leaking(**changes: Any) -> Node:
    node = Node(make(**changes))
    node.rounds(3)
    node.memory = LEAKS
    return node


def drained(**changes: Any) -> Node:
    """A node that has just left the traffic, with work in flight."""
    node = leaking(**changes)
    node.in_flight = 2
    assert stages(wait(node, 335)) == [Stage.IDLE, Stage.CLAIM, Stage.DRAIN]
    return node


def restarting() -> Node:
    node = drained()
    node.in_flight = 0
    assert wait(node, 6)[-1].state.recycling.stage is Stage.RESTART
    return node


def journal(config: Config, decisions: list[Decision]) -> list[tuple[str, str]]:
    pairs = zip([None, *decisions], decisions, strict=False)
    events = [event for old, new in pairs for event in transitions(config, old, new)]
    return [(e.level, e.event) for e in events if "recycl" in e.event]


def test_a_leak_is_drained_restarted_and_brought_back() -> None:
    node = leaking()
    node.in_flight = 2
    decisions = wait(node, 335)
    assert decisions[-1].verdict.agent_word.startswith("down #")
    assert decisions[-1].verdict.standing == "fit", "its balancer goes on"
    node.in_flight = 0
    decisions += wait(node, 6)
    assert sum(d.verdict.recycle_langflow for d in decisions) == 1
    node.memory = node.in_flight = None
    decisions += wait(node, 40, langflow=FAILED)
    assert decisions[-1].verdict.agent_word.startswith("down #")
    node.memory, node.in_flight = 400, 0
    decisions += wait(node, 10)
    assert decisions[-1].verdict.agent_word == "up 100%"
    assert stages(decisions) == [*Stage, Stage.IDLE]
    assert [event for _, event in journal(node.config, decisions)] == [
        "recycle_begun",
        "recycle_restart_requested",
        "recycle_done",
    ]
    assert not any(d.verdict.restart_langflow for d in decisions), "it is no failure"
    assert node.state.healing.attempts == ()


def test_what_stays_at_the_bound_is_left_alone() -> None:
    node = leaking()
    node.memory = FITS
    assert stages(wait(node, 700)) == [Stage.IDLE]


def test_a_big_run_is_no_leak() -> None:
    node = leaking()
    for _ in range(5):
        assert stages(wait(node, 250)) == [Stage.IDLE]
        node.memory = FITS
        node.round(step=STEP)
        node.memory = LEAKS


def test_zero_means_never() -> None:
    node = leaking(recycling=RAW["recycling"] | {"memory_bytes": 0})
    node.memory = 10**12
    assert stages(wait(node, 700)) == [Stage.IDLE]


@pytest.mark.parametrize("in_flight", [3, None])
def test_work_that_does_not_end_or_cannot_be_counted_is_waited_for_until_the_time_is_over(
    in_flight: int | None,
) -> None:
    node = drained()
    node.in_flight = in_flight
    asked = [d.verdict.recycle_langflow for d in wait(node, 310)]
    assert asked.count(True) == 1 and not any(asked[:300])


def test_nothing_in_flight_counts_only_when_the_balancers_have_heard() -> None:
    node = leaking()
    decisions = wait(node, 400)
    begun = next(d for d in decisions if d.state.recycling.stage is Stage.DRAIN)
    asked = next(d for d in decisions if d.verdict.recycle_langflow)
    assert begun.state.decided_at is not None and asked.state.decided_at is not None
    assert 5 <= asked.state.decided_at - begun.state.decided_at < 7


# --- what speaks against it --------------------------------------------------------------------


def _others(**changes: Any) -> dict[str, PeerView]:
    return {"n2": view("n2", **changes)}


def _checks(**changes: bool) -> dict[str, bool]:
    return view("n2").checks | changes


def _without(*names: str) -> dict[str, bool]:
    return {name: True for name in view("n2").checks if name not in names}


AGAINST: dict[str, dict[str, Any]] = {
    "n2 is not seen": {"n2": TIMED_OUT},
    "n2 is not seen, only its host is": {"refusing": ("n2",)},
    "n2 is not ready": {"views": _others(checks=_checks(langflow=False))},
    "n2 says nothing new": {"views": _others(loop_age=5.0)},
    "n2 is drained": {"views": _others(stage=Stage.DRAIN)},
    "n2 restarts": {"views": _others(stage=Stage.RESTART)},
    "n2 is older": {"views": _others(stage=None)},
    "postgresql fails here": {"postgresql": FAILED},
    "the share hangs here": {"share": TIMED_OUT},
    "no other LangFlow": {"views": {n: view(n, checks=_without("langflow")) for n in ("n2", "n3")}},
}
BEFORE_ONLY: dict[str, dict[str, Any]] = {
    "n2's balancer misses somebody": {"views": _others(checks=_checks(whole=False))},
    "n2's balancer has not said": {"views": _others(checks=_without("whole"))},
    "the own balancer misses somebody": {"whole": FAILED},
}


@pytest.mark.parametrize(
    "trouble", [*AGAINST.values(), *BEFORE_ONLY.values()], ids=[*AGAINST, *BEFORE_ONLY]
)
def test_it_does_not_begin_while(trouble: dict[str, Any]) -> None:
    node = leaking()
    decisions = wait(node, 700, **trouble)
    assert stages(decisions) == [Stage.IDLE]
    assert journal(node.config, decisions) == [(WARNING, "recycle_waits")]
    assert not decisions[-1].state.recycling.exhausted
    assert Stage.DRAIN in stages(wait(node, 40)), "when it is over it begins"


@pytest.mark.parametrize("trouble", AGAINST.values(), ids=AGAINST)
def test_it_takes_traffic_again_when(trouble: dict[str, Any]) -> None:
    node = drained()
    before = node.round(step=STEP)
    decisions = wait(node, 30, **trouble)
    assert stages(decisions)[-1] is Stage.IDLE
    assert not decisions[-1].verdict.agent_word.startswith("down #restarts")
    assert not any(d.verdict.recycle_langflow for d in decisions)
    assert journal(node.config, [before, *decisions])[-2:] == [
        (WARNING, "recycle_waits"),
        (WARNING, "recycle_given_up"),
    ]


def test_its_own_absence_does_not_speak_against_it() -> None:
    node = drained()
    missed = {n: view(n, checks=_checks(whole=False)) for n in ("n2", "n3")}
    assert stages(wait(node, 100, views=missed, whole=FAILED)) == [Stage.DRAIN]


def test_it_takes_traffic_again_when_the_memory_is_free() -> None:
    node = drained()
    node.memory = FITS
    decisions = wait(node, 3)
    assert stages(decisions) == [Stage.IDLE]
    assert not any(d.verdict.recycle_langflow for d in decisions)


@pytest.mark.parametrize("begin", [leaking, drained])
def test_maintenance_comes_first(begin: Callable[[], Node]) -> None:
    node = begin()
    node.maintenance = True
    decisions = wait(node, 700)
    assert decisions[-1].state.recycling.stage is Stage.IDLE
    assert decisions[-1].verdict.agent_word == "up 0%"


def test_a_node_without_balancers_in_sight_waits() -> None:
    node = leaking(haproxy=None)
    blind = {n: view(n, checks=_without("haproxy", "whole")) for n in ("n2", "n3")}
    assert stages(wait(node, 700, views=blind)) == [Stage.IDLE]
    one = {"n2": view("n2", checks=_without("haproxy", "whole"))}
    assert Stage.DRAIN in stages(wait(node, 40, views=one))


def test_one_that_is_not_ready_is_not_drained() -> None:
    node = leaking()
    assert stages(wait(node, 700, langflow=FAILED)) == [Stage.IDLE]


def test_of_two_claims_the_lower_number_goes_first() -> None:
    last = leaking(node="n3", members=[RAW["members"][i] for i in (1, 2, 0)])
    claims = {"n1": view("n1", stage=Stage.CLAIM)}
    assert Stage.DRAIN in stages(wait(last, 335, views=claims)), "n1 has the higher number here"
    first = leaking(node="n3")
    claims = {name: view(name, stage=Stage.CLAIM) for name in ("n1", "n2")}
    peers = {**claims}
    assert stages(wait(first, 700, views=peers)) == [Stage.IDLE]


# --- too often ---------------------------------------------------------------------------------


def once(node: Node) -> list[Decision]:
    """Let it leak until it is restarted, or ten minutes."""
    node.memory = LEAKS
    decisions = wait(node, 600)
    if decisions[-1].state.recycling.stage is Stage.RESTART:
        decisions += wait(node, 10, langflow=FAILED)
        node.memory = 400
        decisions += wait(node, 10)
    return decisions


def test_the_fourth_within_the_window_is_a_page_and_no_restart() -> None:
    node = leaking()
    decisions = [d for _ in range(4) for d in once(node)]
    assert sum(d.verdict.recycle_langflow for d in decisions) == 3
    assert node.state.recycling.exhausted
    pages = [event for level, event in journal(node.config, decisions) if level == PAGE]
    assert pages == ["langflow_recycling_exhausted"]
    assert stages(wait(node, 2000)) == [Stage.IDLE]
    node.memory = FITS
    assert not wait(node, 3)[-1].state.recycling.exhausted, "and it is over when somebody mended it"


def test_a_window_later_there_are_tries_again() -> None:
    node = leaking(recycling=RAW["recycling"] | {"window": 4000.0})
    for _ in range(3):
        once(node)
    node.memory = FITS
    wait(node, 4000)
    assert any(d.verdict.recycle_langflow for d in once(node))


def test_one_that_does_not_come_back_is_a_page_and_then_the_ordinary_rules_hold() -> None:
    node = restarting()
    node.memory = None
    decisions = wait(node, 700, langflow=FAILED)
    assert journal(node.config, decisions)[-1] == (PAGE, "recycle_failed")
    assert decisions[-1].verdict.agent_word == "down #langflow failing only here"


def test_a_request_that_nobody_carries_out_is_a_page_too() -> None:
    node = restarting()
    assert (PAGE, "recycle_failed") in journal(node.config, wait(node, 700))


def test_what_a_sleeping_machine_claimed_nobody_heard() -> None:
    node = leaking()
    assert stages(wait(node, 315))[-1] is Stage.CLAIM
    node.now += 60
    assert stages(wait(node, 25))[-1] is Stage.IDLE


# --- three nodes -------------------------------------------------------------------------------

NAMES = ("n1", "n2", "n3")
QUICK = RAW["recycling"] | {"after": 5.0, "claim": 13.0, "drain": 20.0, "restart": 40.0}


class Three:
    """Three whole agents with clocks of their own, that see each other late, or not for a while."""

    def __init__(self, offsets: tuple[float, ...] = (0.0, 0.4, 0.7)) -> None:
        starts = {name: 1000 * i + offsets[i] for i, name in enumerate(NAMES)}
        self.nodes = {n: Node(make(node=n, recycling=QUICK), at) for n, at in starts.items()}
        self.shown = {name: [view(name)] for name in NAMES}
        self.restarted: list[str] = []

    def round(self, deaf: AbstractSet[str] = frozenset(), late: int = 1) -> None:
        """Let each decide on what the others showed `late` rounds ago; never are two out."""
        views = {name: pages[-min(late, len(pages))] for name, pages in self.shown.items()}
        for name, node in self.nodes.items():
            cut_off = set(NAMES) if name in deaf else deaf
            lost: dict[str, Any] = dict.fromkeys(cut_off - {name}, TIMED_OUT)
            now_at = node.state.recycling
            away = now_at.stage is Stage.RESTART and node.now - now_at.since < 20
            seen = FAILED if away else OK
            decision = node.round(step=STEP, views=views, langflow=seen, **lost)
            if decision.verdict.recycle_langflow:
                self.restarted.append(name)
                node.memory = FITS
        for name, node in self.nodes.items():
            self.shown[name].append(replace(view(name), stage=node.state.recycling.stage))
        out = [n for n, node in self.nodes.items() if node.state.recycling.stage in OUT]
        assert len(out) <= 1, f"{out} are out together"


@pytest.mark.parametrize("late", [1, 2, 3, 4])
def test_when_all_leak_at_once_each_has_its_turn(late: int) -> None:
    three = Three()
    for node in three.nodes.values():
        node.memory = LEAKS
    for _ in range(250):
        three.round(late=late)
    assert three.restarted == ["n1", "n2", "n3"]


troubles = st.lists(
    st.tuples(
        st.fixed_dictionaries({n: st.sampled_from([FITS, LEAKS]) for n in NAMES}),
        st.sets(st.sampled_from(NAMES), max_size=2),
        st.integers(1, 25),
        st.integers(1, 4),
    ),
    max_size=12,
)


@given(troubles, st.tuples(*[st.floats(0, 0.8)] * 3))
@settings(max_examples=25, deadline=None)
def test_never_two_at_the_same_moment(
    history: list[tuple[dict[str, int], set[str], int, int]], offsets: tuple[float, ...]
) -> None:
    three = Three(offsets)
    for memory, deaf, count, late in history:
        for name, node in three.nodes.items():
            node.memory = memory[name]
        for _ in range(count):
            three.round(deaf, late)
