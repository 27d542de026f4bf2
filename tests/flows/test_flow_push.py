"""What a push would do, and what it leaves behind when a flow does not run."""

from __future__ import annotations

import pytest
from flows_helpers import FakeLangflow, field, flow, identity
from langflow_ha.flows.model import Flow, FlowsError, Smoke, State, Tree
from langflow_ha.flows.plan import canary, refusals, steps
from langflow_ha.flows.push import push

CANARIES = "flows canary"


def pushed(langflow: FakeLangflow, tree: Tree, *, prune: bool = False) -> list[str]:
    told: list[str] = []
    push(langflow, tree, steps(tree, langflow.flows()), CANARIES, prune=prune, tell=told.append)
    return told


def test_a_plan_tells_the_four_states_apart() -> None:
    live = [
        flow(1, "same"),
        flow(2, "changed", prompt=field("a")),
        flow(4, "extra"),
        flow(5, "elsewhere", "other"),
    ]
    tree = Tree((flow(1, "same"), flow(2, "changed", prompt=field("b")), flow(3, "new")), {})
    found = steps(tree, {one.id: one for one in live})
    assert [(step.flow.name, step.state) for step in found] == [
        ("same", State.SAME),
        ("changed", State.CHANGE),
        ("new", State.CREATE),
        ("extra", State.EXTRA),
    ]


def test_another_project_is_a_change() -> None:
    found = steps(Tree((flow(1, "a", "sales"),), {}), {identity(1): flow(1, "a")})
    assert found[0].differences == ("project: support -> sales",)


def test_a_name_that_is_taken_and_a_variable_that_is_not_there_are_refused() -> None:
    tree = Tree((flow(1, "a", key=field("KEY", password=True, load_from_db=True)),), {})
    live = {identity(7): flow(7, "a", "other")}
    found = refusals(steps(tree, live), live, {"OTHER"}, "admin")
    assert len(found) == 2
    assert "another flow called 'a'" in found[0]
    assert "no global variable KEY" in found[1]
    assert refusals(steps(tree, {}), {}, {"KEY"}, "admin") == []


def test_a_push_rehearses_all_before_it_replaces_one_and_leaves_no_canary() -> None:
    langflow = FakeLangflow(flow(1, "a", prompt=field("old")))
    tree = Tree((flow(1, "a", prompt=field("new")), flow(2, "b", "sales")), {})
    pushed(langflow, tree)
    assert langflow.runs == ["canary of a", "canary of b", "a", "b"]
    assert sorted(one.name for one in langflow.kept.values()) == ["a", "b"]
    assert CANARIES not in langflow.names.values()
    assert langflow.keys == 0
    assert pushed(langflow, tree) == []


def test_a_canary_that_does_not_run_changes_nothing() -> None:
    before = flow(1, "a", prompt=field("old"))
    langflow = FakeLangflow(before, broken=("canary of b",))
    tree = Tree((flow(1, "a", prompt=field("new")), flow(2, "b")), {})
    with pytest.raises(FlowsError, match="support/b"):
        pushed(langflow, tree)
    assert langflow.kept == {before.id: before}
    assert CANARIES not in langflow.names.values()


def test_when_a_flow_does_not_run_in_its_place_all_are_put_back() -> None:
    before = flow(1, "a", prompt=field("old"))
    langflow = FakeLangflow(before, broken=("b",))
    with pytest.raises(FlowsError, match="support/b"):
        pushed(langflow, Tree((flow(1, "a", prompt=field("new")), flow(2, "b")), {}))
    assert {key: one.document for key, one in langflow.kept.items()} == {before.id: before.document}


def test_when_the_canaries_cannot_be_removed_either_the_first_reason_is_told_too() -> None:
    langflow = FakeLangflow(broken=("canary of a",), stuck=True)
    with pytest.raises(FlowsError) as error:
        pushed(langflow, Tree((flow(1, "a"),), {}))
    assert "does not run" in str(error.value)
    assert "stuck" in str(error.value)
    assert identity(1) not in langflow.kept
    langflow.stuck, langflow.broken = False, ()
    pushed(langflow, Tree((flow(1, "a"),), {}))
    assert [one.name for one in langflow.kept.values()] == ["a"]


def test_an_answer_without_the_expected_words_is_no_success() -> None:
    tree = Tree((flow(1, "a"),), {"support/a": Smoke(input="2 + 2", expect="= 4")})
    with pytest.raises(FlowsError, match="is not in its answer"):
        pushed(FakeLangflow(), tree)


def test_a_flow_that_must_not_be_run_is_not() -> None:
    langflow = FakeLangflow()
    pushed(langflow, Tree((flow(1, "a"),), {"support/a": Smoke(skip=True)}))
    assert langflow.runs == []
    assert identity(1) in langflow.kept


def test_what_the_tree_does_not_have_stays_unless_it_is_to_go() -> None:
    tree = Tree((flow(1, "a"),), {})
    langflow = FakeLangflow(flow(1, "a"), flow(2, "b"), flow(3, "c", "other"))
    pushed(langflow, tree)
    assert len(langflow.kept) == 3
    assert pushed(langflow, tree, prune=True) == ["removed: b"]
    assert sorted(one.name for one in langflow.kept.values()) == ["a", "c"]


def test_a_canary_is_the_same_one_every_time_and_answers_at_no_address() -> None:
    one = flow(1, "a")
    addressed = Flow(
        one.path, one.project, {**one.document, "endpoint_name": "ask", "mcp_enabled": True}
    )
    copy = canary(addressed, CANARIES)
    assert copy.id == canary(addressed, CANARIES).id != one.id
    assert copy.document.keys() == {"id", "name", "data"}
