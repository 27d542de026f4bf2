"""The rules, one by one."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import FAILED, TIMED_OUT, Node, make, two_members, view
from langflow_ha.health.model import Observation, Outcome, Standing

WORSE = {"haproxy": False, "usable": False, "langflow": False}


def settled(held: bool = False, **changes: Any) -> Node:
    node = Node(make(**changes))
    node.held = held
    node.rounds(3)
    return node


@pytest.mark.parametrize(
    ("held", "rounds", "outcomes", "standing", "weight"),
    [
        (False, 1, {}, Standing.FIT, 0),
        (True, 1, {}, Standing.FIT, 40),
        (True, 1, {"haproxy": FAILED}, Standing.FIT, 40),
        (False, 2, {"haproxy": FAILED}, Standing.UNFIT, -100),
        (True, 2, {"haproxy": FAILED}, Standing.YIELDING, -254),
        (True, 2, {"haproxy": TIMED_OUT}, Standing.FIT, 40),
        (True, 3, {"haproxy": TIMED_OUT}, Standing.YIELDING, -254),
        (True, 15, {"usable": FAILED}, Standing.FIT, 40),
        (True, 16, {"usable": FAILED}, Standing.YIELDING, -254),
        (True, 3, {"haproxy": FAILED, "n2": TIMED_OUT}, Standing.YIELDING, -254),
        (True, 9, {"langflow": TIMED_OUT}, Standing.FIT, 40),
        (True, 9, {"postgresql": FAILED, "valkey": FAILED}, Standing.FIT, 40),
        (True, 9, {"n2": TIMED_OUT}, Standing.FIT, 40),
        (True, 2, {"n2": TIMED_OUT, "n3": TIMED_OUT}, Standing.FIT, 40),
        (True, 3, {"n2": TIMED_OUT, "n3": TIMED_OUT}, Standing.ISOLATED, -254),
        (True, 3, {"n2": FAILED, "n3": TIMED_OUT}, Standing.ISOLATED, -254),
        (True, 3, {"n2": FAILED, "n3": FAILED, "haproxy": FAILED}, Standing.ISOLATED, -254),
    ],
)
def test_weight(
    held: bool, rounds: int, outcomes: dict[str, Outcome], standing: Standing, weight: int
) -> None:
    verdict = settled(held).rounds(rounds, **outcomes).verdict
    assert (verdict.standing, verdict.weight) == (standing, weight)


def test_nothing_seen_is_unknown_and_unfit() -> None:
    verdict = Node(make()).see().verdict
    assert (verdict.standing, verdict.weight) == (Standing.UNKNOWN, -100)


def test_recovery_needs_the_rise_and_earns_no_bonus() -> None:
    node = settled(held=True)
    node.rounds(2, haproxy=FAILED)
    node.held = False
    assert [node.round().verdict.weight for _ in range(3)] == [-100, -100, 0]


def test_no_langflow_anywhere_moves_nothing() -> None:
    ill = {n: view(n, checks=WORSE | {"haproxy": True}) for n in ("n2", "n3")}
    assert settled(held=True).rounds(9, views=ill, usable=FAILED).verdict.weight == 40


def test_balancers_that_see_langflow_return_one_after_the_other_move_nothing() -> None:
    node = settled(held=True)
    ill = {n: view(n, checks=WORSE | {"haproxy": True}) for n in ("n2", "n3")}
    node.rounds(20, views=ill, usable=FAILED)
    assert node.rounds(10, usable=FAILED).verdict.weight == 40, "for 3 s the peers only were first"
    assert node.rounds(20).verdict.weight == 40


def test_a_thawed_node_knows_nothing() -> None:
    node = settled(held=True)
    node.now += 10
    assert node.see().verdict.weight == -100
    assert node.round().verdict.weight == 40


def test_an_answer_to_a_question_from_before_the_sleep_is_dropped() -> None:
    node = settled(held=True)
    asked, node.now = node.now, node.now + 10
    names = ("haproxy", "peer:n2", "peer:n3")
    answers = [Observation(name, asked, Outcome.OK) for name in names]
    assert node.see(*answers).verdict.standing is Standing.UNKNOWN


def test_a_stale_view_is_in_reach_but_has_no_opinion() -> None:
    stale = {n: view(n, loop_age=5.0) for n in ("n2", "n3")}
    verdict = settled().rounds(9, views=stale, usable=FAILED, langflow=FAILED).verdict
    assert (verdict.weight, verdict.agent_word) == (0, "up 100%")


def test_a_single_member_is_never_isolated() -> None:
    node = Node(make(members=[{"name": "n1", "address": "192.0.2.1"}]))
    assert node.rounds(3).verdict.weight == 0


@pytest.mark.parametrize(("tie", "weight"), [(Outcome.OK, 0), (TIMED_OUT, -254)])
def test_two_members_ask_the_tie_breaker(tie: Outcome, weight: int) -> None:
    node = Node(two_members())
    assert node.rounds(3, tie=TIMED_OUT).verdict.weight == 0, "not asked while the peer answers"
    node.rounds(2, tie=tie)
    assert node.rounds(3, n2=TIMED_OUT, tie=tie).verdict.weight == weight


@pytest.mark.parametrize(
    ("outcomes", "peers", "word"),
    [
        ({}, {}, "up 100%"),
        ({"langflow": TIMED_OUT}, {}, "down #langflow failing only here"),
        ({"postgresql": FAILED}, {}, "down #postgresql failing only here"),
        ({"langflow": FAILED, "valkey": FAILED}, {}, "down #langflow and valkey failing only here"),
        ({"langflow": FAILED}, {"checks": {"langflow": False}}, "up 100%"),
        ({"postgresql": FAILED}, {"checks": {"postgresql": False}}, "up 100%"),
        ({"share": TIMED_OUT}, {}, "down #share failing only here"),
        ({"share": FAILED}, {}, "down #share failing only here"),
        # The server is down: nowhere is better, and what waits for a file goes on with the server.
        ({"share": TIMED_OUT}, {"checks": {"share": False}}, "up 100%"),
    ],
)
def test_agent_word(outcomes: dict[str, Outcome], peers: dict[str, Any], word: str) -> None:
    views = {n: view(n, **peers) for n in ("n2", "n3")}
    assert settled().rounds(2, views=views, **outcomes).verdict.agent_word == word


def test_who_is_out_of_traffic_is_no_reason_to_leave_it_too() -> None:
    """n2 was the first to see a fault that all share, n3 is in maintenance: this one stays."""
    views = {
        "n2": view("n2", checks={"langflow": False}, carries=False),
        "n3": view("n3", carries=False),
    }
    node = settled()
    assert node.rounds(2, views=views, langflow=FAILED).verdict.agent_word == "up 100%"
    views["n3"] = view("n3")
    assert node.rounds(2, views=views, langflow=FAILED).verdict.agent_word.startswith("down")


def test_maintenance_empties_the_node_and_ends_without_a_trace() -> None:
    node = settled()
    node.maintenance = True
    assert node.round().verdict.agent_word == "up 0%"
    node.maintenance = False
    assert node.round().verdict.agent_word == "up 100%"


def test_a_canary_asks_for_its_share_and_whatever_takes_traffic_away_wins() -> None:
    node = settled()
    node.canary_weight = 22
    assert node.round().verdict.agent_word == "up 22%"
    node.maintenance = True
    verdict = node.round().verdict
    assert (verdict.agent_word, verdict.canary_weight) == ("up 0%", 22)
    node.maintenance = False
    assert node.rounds(2, langflow=FAILED).verdict.agent_word.startswith("down")
    node.canary_weight = None
    assert node.rounds(2).verdict.agent_word == "up 100%"


def test_the_word_outlives_a_thaw_until_langflow_is_seen_again() -> None:
    node = settled()
    node.rounds(2, langflow=TIMED_OUT)
    node.now += 10
    assert node.see().verdict.agent_word.startswith("down")


# --- an unfit holder --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "weight"),
    [
        ({}, -254),
        ({"fit": False}, -100),
        ({"loop_age": 5.0}, -100),
        ({"checks": {"langflow": True}}, -100),
        ({"checks": {"haproxy": False}}, -100),
    ],
)
def test_an_unfit_holder_yields_to_a_fit_balancer_only(
    changes: dict[str, Any], weight: int
) -> None:
    views = {n: view(n, **changes) for n in ("n2", "n3")}
    assert settled(held=True).rounds(2, views=views, haproxy=FAILED).verdict.weight == weight


def test_one_fit_peer_is_enough_and_a_silent_one_is_none() -> None:
    sick = {"n2": view("n2", fit=False)}
    assert settled(held=True).rounds(2, views=sick, haproxy=FAILED).verdict.weight == -254
    node = settled(held=True)
    node.round(views=sick)
    assert node.rounds(2, views=sick, haproxy=FAILED, n3=TIMED_OUT).verdict.weight == -100


def test_a_yielding_holder_is_unfit_when_rid_of_the_vip_and_fit_when_well() -> None:
    node = settled(held=True)
    assert node.rounds(2, haproxy=FAILED).verdict.weight == -254
    nobody = {n: view(n, fit=False) for n in ("n2", "n3")}
    assert node.rounds(2, views=nobody, haproxy=FAILED).verdict.weight == -254
    assert node.rounds(4).verdict.weight == -254, "while it holds the VIP"
    node = settled(held=True)
    node.rounds(2, haproxy=FAILED)
    node.held = False
    assert node.round(haproxy=FAILED).verdict.weight == -100
    assert node.rounds(3).verdict.weight == 0


def test_a_vip_that_comes_straight_back_is_not_tossed_about() -> None:
    node = settled(held=True)
    node.rounds(2, haproxy=FAILED)
    node.held = False
    node.round(haproxy=FAILED)
    node.held = True
    assert node.round(haproxy=FAILED).verdict.weight == -100
    assert node.rounds(17, haproxy=FAILED).verdict.weight == -254


def test_a_keepalived_that_keeps_the_vip_in_a_fault_is_killed_once_in_a_while() -> None:
    node = settled(held=True)
    node.rounds(2, haproxy=FAILED)
    kills = [node.round(haproxy=FAILED).verdict.kill_keepalived for _ in range(24)]
    assert [i for i, kill in enumerate(kills) if kill] == [3, 20]
    node.held = False
    assert not any(node.round(haproxy=FAILED).verdict.kill_keepalived for _ in range(24))


def test_a_keepalived_that_obeys_is_never_killed() -> None:
    node = settled(held=True)
    for outcome in (FAILED, FAILED, FAILED, Outcome.OK, Outcome.OK, Outcome.OK) * 9:
        decision = node.round(haproxy=outcome)
        assert not decision.verdict.kill_keepalived
        node.held = decision.verdict.weight != -254


# --- dead agents ------------------------------------------------------------------------------


def test_two_dead_agents_do_not_isolate_the_third() -> None:
    verdict = settled(held=True).rounds(9, refusing=("n2", "n3")).verdict
    assert (verdict.standing, verdict.weight) == (Standing.FIT, 40)


def test_a_refusal_is_no_view() -> None:
    node = settled(held=True)
    verdict = node.rounds(9, refusing=("n2", "n3"), haproxy=FAILED, langflow=FAILED).verdict
    assert (verdict.weight, verdict.agent_word) == (-100, "up 100%")


def test_a_cut_after_the_agents_died_isolates_after_the_fall() -> None:
    node = settled(held=True)
    node.rounds(9, refusing=("n2", "n3"))
    weights = [node.round(n2=TIMED_OUT, n3=TIMED_OUT).verdict.weight for _ in range(3)]
    assert weights == [40, 40, -254]
    weights = [node.round(refusing=("n2",), n3=TIMED_OUT).verdict.weight for _ in range(2)]
    assert weights == [-254, 40]


def test_a_first_look_that_meets_silence_is_believed() -> None:
    verdict = Node(make()).round(n2=TIMED_OUT, n3=TIMED_OUT).verdict
    assert verdict.standing is Standing.ISOLATED


# --- two owners -------------------------------------------------------------------------------


def owner(name: str, since: float, **changes: Any) -> dict[str, Any]:
    return {name: view(name, vip_held_for=since, **changes)}


def test_the_older_of_two_owners_yields_after_the_grace() -> None:
    node = settled(held=True)
    node.rounds(20)
    verdicts = [node.round(views=owner("n2", 0.3 * i)).verdict for i in range(9)]
    assert [v.standing for v in verdicts[:6]] == [Standing.FIT] * 6, "a hand-over is no conflict"
    assert (verdicts[8].standing, verdicts[8].weight) == (Standing.YIELDING, -254)


def test_the_newer_owner_stays_unless_it_is_sick() -> None:
    node = settled(held=True)
    assert node.rounds(12, views=owner("n2", 500.0)).verdict.weight == 40
    fit_but_older = owner("n2", 500.0)
    assert node.rounds(3, views=fit_but_older, haproxy=FAILED).verdict.standing is Standing.YIELDING


def test_of_equally_old_owners_exactly_one_yields() -> None:
    standings = []
    for me, other in (("n1", "n2"), ("n2", "n1")):
        node = settled(held=True, node=me)
        for _ in range(9):
            age = node.now - (node.state.held_since or 0.0)
            decision = node.round(views=owner(other, age))
        standings.append(decision.verdict.standing)
    assert standings == [Standing.FIT, Standing.YIELDING]


def test_one_that_yielded_returns_when_nobody_holds_it() -> None:
    node = settled(held=True)
    node.rounds(9, views=owner("n2", 0.0))
    node.held = False
    assert node.round(views=owner("n2", 1.0)).verdict.standing is Standing.YIELDING
    assert node.round().verdict.standing is Standing.FIT


def test_yielding_again_takes_longer() -> None:
    node = settled(held=True)
    node.rounds(9, views=owner("n2", 0.0))
    first = node.state.yield_for
    node.held = False
    node.rounds(int(first / 0.3) + 2, views=owner("n2", 1.0))
    assert not node.state.yielding
    node.held = True
    node.rounds(9, views=owner("n2", -100.0))
    assert node.state.yielding and node.state.yield_for == 2 * first
