from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from langflow_ha.drill.catalogue import CATALOGUE
from langflow_ha.drill.select import NoTarget, refusal, targets
from langflow_ha.status.decide import decide
from langflow_ha.status.model import BackupStatus, ClusterView, Kept, NodeStatus

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
    assert targets("valkey_master_alone", healthy, random) == ("n2",)
    assert targets("langflow", healthy, random) == ("n3",)
    assert sorted(targets("everybody", healthy, random)) == ["n1", "n2", "n3"]
    assert targets("vip_holder_and_primary", healthy, random) == ("n1",)
    assert targets("all_langflows_but_one", healthy, random) == ("n3", "n2")
    assert targets("valkeys", healthy, random) == ("n1", "n2", "n3")
    assert targets("etcd", healthy, random) == ("n1",)
    assert targets("etcd_majority", healthy, random) == ("n1", "n2")
    assert targets("store", healthy, random) == ("n3",)
    assert targets("synchronous_standby", healthy, random) == ("n3",)
    with pytest.raises(ValueError, match="unknown target"):
        targets("moon", healthy, random)


def test_no_target_is_an_answer() -> None:
    both = view(
        replace(HEALTHY[0], valkey="master"), replace(HEALTHY[1], valkey="replica"), HEALTHY[2]
    )
    with pytest.raises(NoTarget, match="PostgreSQL's primary too"):
        targets("valkey_master_alone", both, Random(1))
    assert targets("everything", both, Random(1)) == ("n1",)
    with pytest.raises(NoTarget, match=r"not on one node: .*Valkey's master on n2"):
        targets("everything", view(*HEALTHY), Random(1))
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
