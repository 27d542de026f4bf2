"""Which queued runs are closed, case by case."""

from __future__ import annotations

import pytest
from langflow_ha.failover.model import Reach
from langflow_ha.runs.decide import noted
from node_helpers import view
from runs_helpers import NAMES, Node, closed, make, queued, raw, start

NEXT = start(2)


def test_a_restarted_langflow_has_nothing_of_its_earlier_queue() -> None:
    runs = [queued("old", "n2", 1), queued("new", "n2", 2)]
    assert closed(Node().round(runs, own=NEXT)) == ["old"]


def test_a_langflow_that_does_not_run_has_no_queue() -> None:
    decision = Node().round([queued("j", "n2")], own="")
    assert closed(decision) == ["j"] and decision.verdict.close[0].why == "LangFlow does not run"


def test_the_queue_of_a_living_langflow_is_left_alone_however_long_it_is() -> None:
    node = Node()
    runs = [queued(f"{name}-{i}", name) for name in NAMES for i in range(200)]
    assert not any(closed(node.round(runs)) for _ in range(100))


def test_an_unknown_start_of_the_own_langflow_is_no_reason() -> None:
    assert closed(Node().round([queued("j", "n2")], own=None)) == []


def test_another_nodes_restart_is_that_nodes_matter() -> None:
    assert closed(Node().round([queued("j", "n1", 7)])) == []


def test_a_dead_nodes_runs_are_closed_after_the_silence_and_in_turn() -> None:
    first, second = Node(make(node="n2")), Node(make(node="n3"))
    runs = [queued("dead", "n1"), queued("mine", "n2"), queued("its", "n3")]
    seconds = {"first": 0.0, "second": 0.0}
    for _ in range(20):
        for name, node in (("first", first), ("second", second)):
            if closed(node.without("n1", runs)) == ["dead"] and not seconds[name]:
                seconds[name] = node.now - 1000.0
    # From the first silent answer: silent_for, and for the second living node the stagger.
    assert 8.0 <= seconds["first"] <= 9.5 and 10.0 <= seconds["second"] <= 11.5


@pytest.mark.parametrize("break_", ["answer", "reached", "seen", "minority"])
def test_one_sign_of_life_begins_the_silence_anew(break_: str) -> None:
    node = Node()
    runs = [queued("j", "n1")]
    for _ in range(10):
        assert closed(node.without("n1", runs)) == []
    views = {"n2": view("n2", ["n3"]), "n3": view("n3", ["n2"]), "n1": None}
    if break_ == "answer":
        node.round(runs)
    elif break_ == "reached":
        node.round(runs, views=views, reach={"n1": Reach(asked=True, answered="22")})
    elif break_ == "seen":
        seen = {**views, "n3": view("n3", ["n1", "n2"])}
        node.round(runs, views=seen, reach={"n1": Reach(asked=True)})
    else:
        alone = {**views, "n3": None}
        for _ in range(4):  # until n3's last view is stale
            node.round(runs, views=alone, reach={"n1": Reach(asked=True)})
    assert not any(closed(node.without("n1", runs)) for _ in range(11))


def test_two_members_have_no_majority_without_each_other() -> None:
    members = raw()["members"][:2]
    langflows = raw()["langflows"][:2]
    node = Node(make(members=members, langflows=langflows))
    assert not any(closed(node.without("n1", [queued("j", "n1")])) for _ in range(40))


def test_a_frozen_daemon_forgets_the_silence() -> None:
    node = Node()
    for _ in range(11):
        node.without("n1", [queued("j", "n1")])
    assert closed(node.without("n1", [queued("j", "n1")], step=30.0)) == []


def test_an_old_answer_about_the_queue_is_none() -> None:
    node = Node()
    node.round([queued("j", "n2")])
    for _ in range(4):
        decision = node.round(None, own=NEXT)
    assert closed(decision) == []


def test_what_is_not_known_for_certain_is_left_alone() -> None:
    runs = [
        queued("unnoted", "n2", accepted_by=""),
        queued("old-note", "n2", accepted_by="langflow-n2"),
        queued("stranger", "n9"),
        queued("claimed", "n2", claimed=True),
        queued("nobody's", "n2", user=""),
    ]
    decision = Node().round(runs, own=NEXT)
    assert closed(decision) == [] and decision.verdict.unknown == 3


def test_names_that_postgresql_cuts_off_alike_are_in_doubt() -> None:
    long = "a-node-of-a-very-long-name-"
    names = [f"{long}1", f"{long}2", "n2"]
    members = [{"name": n, "address": "192.0.2.1"} for n in names]
    langflows = [{"name": n, "addresses": ["192.0.2.1"], "ports": [7860]} for n in names]
    node = Node(make(node=f"{long}1", members=members, langflows=langflows))
    decision = node.round([queued("j", f"{long}1"), queued("k", f"{long}2")], own=NEXT)
    assert closed(decision) == [] and decision.verdict.unknown == 2


def test_a_name_that_postgresql_cuts_off_is_known_by_what_is_left() -> None:
    name = "n" * 60
    members = [{"name": name, "address": "192.0.2.1"}]
    langflows = [{"name": name, "addresses": ["192.0.2.1"], "ports": [7860]}]
    node = Node(make(node=name, members=members, langflows=langflows))
    assert len(noted(start(1), name)) == 63
    assert closed(node.round([queued("j", name)], own=start(1))) == []
    assert closed(node.round([queued("j", name)], own=NEXT)) == ["j"]


def test_a_run_is_asked_for_again_only_after_a_while() -> None:
    node = Node()
    asked = [closed(node.round([queued("j", "n2")], own=NEXT)) for _ in range(6)]
    assert asked == [["j"], [], [], [], [], ["j"]]
    assert node.round([], own=NEXT).state.asked == {}, "what is no longer queued is forgotten"
