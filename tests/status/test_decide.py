from __future__ import annotations

from dataclasses import replace

import pytest
from langflow_ha.status.decide import DISK_WARNING_PERCENT, decide
from langflow_ha.status.model import BackupStatus, Kept, NodeStatus

GROUPS = frozenset({"cluster", "balancer", "langflow", "etcd", "postgresql", "valkey", "minio"})


def node(name: str, **changes: object) -> NodeStatus:
    base = NodeStatus(
        name,
        GROUPS,
        standing="fit",
        langflow=True,
        postgresql="replica",
        synchronous=True,
        etcd=True,
        valkey="replica",
        valkey_link=True,
        sentinel=True,
        store=True,
        certificate_days=300.0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


HEALTHY = [
    node("n1", holds_vip=True, postgresql="primary", synchronous=False),
    node("n2", valkey="master", valkey_link=None),
    node("n3", synchronous=False),
]


def with_changes(**changes: dict[str, object]) -> list[NodeStatus]:
    return [replace(n, **changes.get(n.name, {})) for n in HEALTHY]  # type: ignore[arg-type]


def test_a_canary_is_shown_and_stops_no_failover() -> None:
    verdict = decide(with_changes(n3={"canary": 22, "versions": {"langflow": "1.12.8"}}), 0.0)
    assert verdict.can_fail_over
    (warning,) = verdict.warnings
    assert "n3: a canary, LangFlow 1.12.8 with 22 % of a full share: promote it or" in warning


def test_a_healthy_cluster_can_fail_over() -> None:
    verdict = decide(HEALTHY, 0.0)
    assert verdict.can_fail_over
    assert verdict.because == ()
    assert verdict.warnings == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"n1": {"holds_vip": False}}, "the VIP has 0 owners (none)"),
        ({"n2": {"holds_vip": True}}, "the VIP has 2 owners (n1, n2)"),
        ({"n2": {"postgresql": "primary"}}, "2 PostgreSQL primaries (n1, n2)"),
        ({"n1": {"postgresql": ""}}, "0 PostgreSQL primaries (none)"),
        ({"n2": {"synchronous": False}}, "without n1: no primary and no synchronous standby"),
        ({"n3": {"error": "no route to host"}}, "n3 does not answer: no route to host"),
        ({"n3": {"etcd": False}}, "without n1: etcd: 1 of 3 members, 2 needed"),
        ({"n3": {"sentinel": False}}, "without n1: Sentinel: 1 of 3, 2 needed"),
        ({"n3": {"store": False}}, "without n1: object store: 1 of 3"),
        (
            {"n2": {"langflow": False}, "n3": {"langflow": False}},
            "without n1: no LangFlow that is ready",
        ),
        (
            {"n2": {"langflow": False}, "n3": {"share": False}},
            "without n1: no LangFlow that is ready",
        ),
        (
            {"n2": {"standing": "unfit"}, "n3": {"standing": "isolated"}},
            "without n1: no balancer fit",
        ),
        (
            {"n1": {"valkey_link": False}, "n3": {"valkey_link": False}},
            "without n2: no Valkey master",
        ),
        ({"n3": {"valkey": "master"}}, "2 Valkey masters (n2, n3)"),
        ({"n2": {"standing": "unknown"}, "n3": {"standing": "unknown"}}, "no balancer fit"),
    ],
)
def test_every_hole_is_seen(changes: dict[str, dict[str, object]], reason: str) -> None:
    verdict = decide(with_changes(**changes), 0.0)
    assert not verdict.can_fail_over
    assert any(reason in line for line in verdict.because), verdict.because


def test_a_hole_that_is_there_already_is_named_once() -> None:
    verdict = decide(with_changes(n1={"etcd": False}, n2={"etcd": False}), 0.0)
    assert [line for line in verdict.because if "etcd" in line] == [
        "now: etcd: 1 of 3 members, 2 needed",
        "without n3: etcd: 0 of 3 members, 2 needed",
    ]


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"n3": {"langflow": False}}, "n3: LangFlow is not ready"),
        ({"n3": {"certificate_days": 12.4}}, "n3: certificate ends in 12 days"),
        ({"n3": {"lag_bytes": 200 * 1024 * 1024}}, "n3: replica is 200 MiB behind"),
        ({"n1": {"disks": {"/x": 87.6}}}, "n1: the disk under /x is 88 % full"),
        ({"n3": {"problems": ("haproxy.service is failed",)}}, "n3: haproxy.service is failed"),
    ],
)
def test_warnings_do_not_stop_a_failover(
    changes: dict[str, dict[str, object]], warning: str
) -> None:
    verdict = decide(with_changes(**changes), 0.0)
    assert verdict.can_fail_over, verdict.because
    assert warning in verdict.warnings


def test_a_disk_is_full_above_the_limit() -> None:
    at_limit = with_changes(n1={"disks": {"/x": DISK_WARNING_PERCENT, "/y": 3.0}})
    assert decide(at_limit, 0.0).warnings == ()


def test_two_nodes_without_valkey_and_store_can_fail_over_with_a_witness() -> None:
    front = frozenset({"cluster", "balancer", "langflow", "postgresql", "etcd"})
    nodes = [
        node("n1", groups=front, holds_vip=True, postgresql="primary", valkey="", sentinel=None),
        node("n2", groups=front, valkey="", sentinel=None),
        NodeStatus("w", frozenset({"cluster", "etcd"}), etcd=True),
    ]
    assert decide(nodes, 0.0).can_fail_over


def test_nobody_answers() -> None:
    verdict = decide([replace(n, error="down") for n in HEALTHY], 0.0)
    assert not verdict.can_fail_over


def test_databases_alone_have_no_vip_to_own() -> None:
    groups = frozenset({"cluster", "etcd", "postgresql"})
    alone = [replace(n, groups=groups, holds_vip=False, langflow=None) for n in HEALTHY]
    assert decide(alone, 0.0).because == ()
    lost = [replace(n, postgresql="replica") for n in alone]
    assert "0 PostgreSQL primaries (none) instead of one" in decide(lost, 0.0).because


def test_backups_warn_and_stop_no_failover() -> None:
    hour = 3600.0
    kept = (Kept("database", 0.0, 30.0), Kept("files", 29 * hour, 30.0), Kept("flows", None, 3.0))
    old = BackupStatus(20 * hour, (Kept("database", 0.0, 1.0),), ())
    nodes = with_changes(n1={"backup": old}, n2={"backup": BackupStatus(31 * hour, kept, ("gap",))})
    verdict = decide(nodes, 31 * hour)
    assert verdict.can_fail_over
    assert verdict.warnings == (
        "backup: the newest backup of the database is 31 h old, 30 h are allowed",
        "backup: there is no backup of the flows",
        "backup: gap",
    )
    assert any("nobody has looked" in w for w in decide(nodes, 33 * hour).warnings)
    assert decide(HEALTHY, 0.0).warnings == ()
