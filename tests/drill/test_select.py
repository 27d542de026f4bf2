from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from langflow_ha.drill.catalogue import CATALOGUE
from langflow_ha.drill.select import NoTarget, refusal, suited, targets
from langflow_ha.status.decide import decide
from langflow_ha.status.model import BackupStatus, ClusterView, Kept, NodeStatus
from langflow_ha.status.site import Node

DRILLS = {drill.id: drill for drill in CATALOGUE}
GROUPS = frozenset({"cluster", "balancer", "langflow", "etcd", "postgresql", "valkey", "minio"})


def node(name: str, **changes: object) -> NodeStatus:
    base = NodeStatus(
        name, GROUPS, standing="fit", langflow=True, postgresql="replica", synchronous=True,
        etcd=True, valkey="replica", valkey_link=True, sentinel=True, store=True,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def view(*nodes: NodeStatus) -> ClusterView:
    return ClusterView("test", ("198.18.0.100",), 0.0, nodes, decide(nodes, 0.0))


HEALTHY = (
    node("n1", holds_vip=True, postgresql="primary"),
    node("n2", valkey="master"),
    node("n3"),
)


def test_targets() -> None:
    healthy = view(*HEALTHY)
    random = Random(1)
    assert targets("nobody", healthy, random) == ()
    assert targets("vip_holder", healthy, random) == ("n1",)
    assert targets("primary", healthy, random) == ("n1",)
    assert targets("valkey_master", healthy, random) == ("n2",)
    assert targets("langflow", healthy, random) == ("n3",)
    assert sorted(targets("everybody", healthy, random)) == ["n1", "n2", "n3"]
    assert targets("all_langflows_but_one", healthy, random) == ("n3", "n2")
    assert targets("valkeys", healthy, random) == ("n1", "n2", "n3")
    assert targets("etcd", healthy, random) == ("n1",)
    assert targets("etcd_majority", healthy, random) == ("n1", "n2")
    assert targets("store", healthy, random) == ("n3",)
    assert targets("synchronous_standby", healthy, random) == ("n3",)
    assert targets("primary_and_standbys", healthy, random) == ("n1", "n2", "n3")
    with pytest.raises(ValueError, match="unknown target"):
        targets("moon", healthy, random)


def test_no_target_is_an_answer() -> None:
    with pytest.raises(NoTarget, match="no MinIO"):
        targets("store", view(node("n1", groups=frozenset({"cluster"}))), Random(1))
    with pytest.raises(NoTarget, match="no single holder"):
        targets("vip_holder", view(node("n1"), node("n2")), Random(1))
    with pytest.raises(NoTarget, match="fewer than two"):
        targets("langflow", view(node("n1"), node("n2", langflow=False)), Random(1))


def test_a_healthy_cluster_is_not_refused() -> None:
    for drill in CATALOGUE:
        assert refusal(drill, view(*HEALTHY), []) == ""


@pytest.mark.parametrize(
    ("nodes", "drill", "reason"),
    [
        (tuple(replace(n, synchronous=False) for n in HEALTHY), "none", "cannot fail over now"),
        ((replace(HEALTHY[0], holds_vip=False), *HEALTHY[1:]), "none", "0 owners"),
        ((*HEALTHY[:2], NodeStatus("n3", GROUPS, error="no route")), "none", "n3 does not answer"),
        ((*HEALTHY[:2], replace(HEALTHY[2], langflow=False)), "none", "not ready on n3"),
    ],
)
def test_refusals(nodes: tuple[NodeStatus, ...], drill: str, reason: str) -> None:
    assert reason in refusal(DRILLS[drill], view(*nodes), [])


def test_another_fault_under_way_is_refused() -> None:
    assert "another fault" in refusal(DRILLS["none"], view(*HEALTHY), ["n1: timer runs"])


def test_no_valkey_no_build_drill() -> None:
    without = [replace(n, groups=GROUPS - {"valkey"}, valkey="", sentinel=None) for n in HEALTHY]
    assert refusal(DRILLS["none"], view(*without), []) == ""
    assert "no Valkey" in refusal(DRILLS["valkey-kill"], view(*without), [])


def test_a_cluster_of_databases_alone_has_clients_of_its_own() -> None:
    def machine(*groups: str) -> Node:
        return Node("n1", "n1", "n1", frozenset(groups), ("ssh",), sudo=False)

    drill = DRILLS["etcd-slow"]
    assert suited(drill, [machine("langflow"), machine("postgresql")]) == drill
    alone = suited(drill, [machine("etcd", "postgresql")])
    assert alone.classes == ("sql",)
    databases = frozenset({"etcd", "postgresql"})
    nodes = [replace(n, groups=databases, holds_vip=False) for n in HEALTHY]
    assert refusal(alone, view(*nodes), []) == ""
    other = suited(DRILLS["postgres-kill"], [machine("postgresql")])
    assert "write, and this cluster has no LangFlow" in refusal(other, view(*nodes), [])


@pytest.mark.parametrize(
    ("at", "words"),
    [(None, "there is no backup of the database"), (-31 * 3600.0, "is 31 h old"), (-3600.0, "")],
)
def test_no_drill_without_a_young_backup_where_backups_are_made(
    at: float | None, words: str
) -> None:
    backup = BackupStatus(0.0, (Kept("database", at, 30.0),), ())
    found = refusal(DRILLS["vip-power"], view(replace(HEALTHY[0], backup=backup), *HEALTHY[1:]), [])
    assert words in found
    assert bool(found) is bool(words)
