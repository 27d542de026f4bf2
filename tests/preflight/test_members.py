"""Members of the running cluster against those of the inventory: what would break a quorum is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from langflow_ha.preflight.members import from_results, problems
from langflow_ha.preflight.model import Problem

NODES = {name: f"198.18.10.1{name[1]}" for name in ("n1", "n2", "n3", "n4", "n5")}
COMPONENTS = ("etcd", "postgresql", "valkey", "minio")
Told = dict[str, dict[str, Any]]


def members(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "address": NODES[name]} for name in names]


def wanted(*names: str, **others: tuple[str, ...]) -> dict[str, list[dict[str, str]]]:
    """Return the inventory's lists: `names` everywhere, but for the components in `others`."""
    groups = dict.fromkeys(("cluster", *COMPONENTS), names) | others
    return {group: members(*chosen) for group, chosen in groups.items()}


EMPTY: dict[str, Any] = {
    "installed": False,
    **{component: {"data": False, "members": None} for component in COMPONENTS},
}


@pytest.fixture
def told() -> Told:
    """What three converged nodes tell: each is in everything, and knows everybody."""
    names = ["n1", "n2", "n3"]
    addresses = [NODES[name] for name in names]
    whole = {
        "installed": True,
        "etcd": {"data": True, "members": names},
        "postgresql": {"data": True, "members": names},
        "valkey": {"data": True, "members": addresses},
        "minio": {"data": True, "members": addresses},
    }
    return {name: {"members": copy.deepcopy(whole)} for name in names}


def judge(
    told: Told,
    lists: dict[str, list[dict[str, str]]],
    removed: tuple[str, ...] = (),
    leaving: tuple[str, ...] = (),
    skip: tuple[str, ...] = (),
) -> list[Problem]:
    return problems(from_results(told, lists, members(*removed), leaving), skip)


def checks(found: list[Problem]) -> list[tuple[str, str, str]]:
    return [(problem.check, problem.variable, problem.value) for problem in found]


def test_a_first_deployment_and_a_whole_cluster_pass(told: Told) -> None:
    three = wanted("n1", "n2", "n3")
    assert judge({name: {"members": EMPTY} for name in told}, three) == []
    assert judge(told, three) == []


def test_one_empty_machine_may_take_a_place_be_it_the_first(told: Told) -> None:
    told["n1"] = {"members": EMPTY}
    assert judge(told, wanted("n1", "n2", "n3")) == []


def test_two_empty_machines_of_three_are_refused(told: Told) -> None:
    told["n1"] = told["n3"] = {"members": EMPTY}
    found = judge(told, wanted("n1", "n2", "n3"))
    assert checks(found) == [
        ("quorum", "group etcd", "n1, n2, n3"),
        ("quorum", "group minio", "n1, n2, n3"),
    ]
    assert found[0].reason == "only n2 of n1, n2, n3 has data, 2 are needed"
    assert "restore.yml" in found[0].fix


def test_members_count_that_cannot_be_asked_for_the_list(told: Told) -> None:
    """Without a quorum nobody tells the members: then the inventory's count."""
    told["n1"] = told["n2"] = {"members": EMPTY}
    told["n3"]["members"]["etcd"]["members"] = None
    assert ("quorum", "group etcd", "n1, n2, n3") in checks(judge(told, wanted("n1", "n2", "n3")))


def test_what_was_left_out_is_believed_to_have_its_data(told: Told) -> None:
    del told["n3"]
    assert judge(told, wanted("n1", "n2", "n3")) == []


def test_a_fourth_node_may_come_and_not_into_the_store(told: Told) -> None:
    told["n4"] = {"members": EMPTY}
    outside = ("n1", "n2", "n3")
    assert judge(told, wanted("n1", "n2", "n3", "n4", etcd=outside, minio=outside)) == []
    (found,) = judge(told, wanted("n1", "n2", "n3", "n4", etcd=outside))
    assert (found.check, found.variable) == ("store_layout", "group minio")
    assert "laid out over n1, n2, n3" in found.reason
    assert "pools" in found.reason
    assert "replace_node.yml" in found.fix


@pytest.mark.parametrize("order", [("n1", "n2"), ("n2", "n1", "n3"), ("n1", "n2", "n4")])
def test_the_store_keeps_its_members_and_their_order(told: Told, order: tuple[str, ...]) -> None:
    lists = wanted("n1", "n2", "n3", minio=order)
    assert checks(judge(told, lists)) == [("store_layout", "group minio", ", ".join(order))]


def test_a_store_of_one_member_has_its_drives_by_path(told: Told) -> None:
    for answer in told.values():
        answer["members"]["minio"] = {"data": False, "members": None}
    told["n1"]["members"]["minio"] = {"data": True, "members": []}
    assert judge(told, wanted("n1", "n2", "n3", minio=("n1",))) == []
    (found,) = judge(told, wanted("n1", "n2", "n3"), skip=("quorum",))
    assert "laid out over one member" in found.reason


def test_an_inventory_that_lost_a_node_is_refused(told: Told) -> None:
    del told["n3"]
    found = judge(told, wanted("n1", "n2", minio=()))
    assert checks(found) == [
        ("lost_member", "group etcd", "n3"),
        ("lost_member", "group postgresql", "n3"),
        # By its address: nothing else is known of it.
        ("lost_member", "group valkey", NODES["n3"]),
    ]
    assert "put n3 back into the group etcd" in found[0].fix
    assert "remove_node.yml" in found[0].fix


def test_who_is_to_leave_has_to_leave_first(told: Told) -> None:
    del told["n3"]
    lists = wanted("n1", "n2", minio=())
    found = judge(told, lists, removed=("n3",))
    assert {problem.value for problem in found} == {"n3"}
    assert all("run playbooks/remove_node.yml" in problem.fix for problem in found)
    assert judge(told, lists, removed=("n3",), leaving=("n3",)) == []


def test_a_member_leaves_only_where_the_others_are_a_majority_of_all(told: Told) -> None:
    for answer in told.values():
        answer["members"]["etcd"]["members"] = ["n1", "n2", "n3", "n4", "n5"]
    lists = wanted("n1", "n2", "n3")
    leaving = ("n4", "n5")
    assert judge(told, lists, removed=leaving, leaving=leaving) == []
    told["n1"] = {"members": EMPTY}
    found = judge(told, lists, removed=leaving, leaving=leaving)
    assert checks(found) == [("quorum", "group etcd", "n1, n2, n3")]
    assert found[0].reason == "only n2, n3 of n1, n2, n3, n4, n5 have data, 3 are needed"


def test_a_new_node_needs_the_others_to_learn_of_it(told: Told) -> None:
    del told["n3"]
    told["n4"] = {"members": EMPTY}
    outside = ("n1", "n2", "n3")
    lists = wanted("n1", "n2", "n3", "n4", etcd=outside, minio=outside)
    (found,) = judge(told, lists)
    assert (found.check, found.variable, found.value) == ("limit", "--limit", "n1, n2, n4")
    assert "n3 would not learn of it" in found.reason
    assert judge(told, lists, skip=("limit",)) == []


def test_a_node_that_could_not_be_asked_tells_nothing(told: Told) -> None:
    told["n3"] = {"unreachable": True, "msg": "no route"}
    assert judge(told, wanted("n1", "n2", "n3")) == []
