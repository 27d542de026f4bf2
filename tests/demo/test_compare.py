from __future__ import annotations

import math
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from langflow_ha.compare.cli import without_agent
from langflow_ha.compare.plain import haproxy_cfg, install_script, keepalived_conf, restore_script
from langflow_ha.compare.result import ratio, rows
from langflow_ha.drill.model import ClassStats, Outcome, Record
from langflow_ha.status.decide import decide
from langflow_ha.status.model import ClusterView, NodeStatus
from langflow_ha.status.site import Node

NODES = [
    Node(f"n{i}", f"10.0.0.{i}", f"10.0.0.{i}", frozenset({"balancer"}), ("ssh",), sudo=False)
    for i in (1, 2, 3)
]


def record(drill: str, measured: float, failed: int = 0, kind: str = "gap") -> Record:
    return Record(
        drill, drill, 1, "t", 0.0, Outcome.PASSED, measured=measured, budget_kind=kind,
        classes={"ui": ClassStats(100, failed, measured, 1, 1), "write": ClassStats(9, 9, 1, 1, 1)},
    )  # fmt: skip


def test_medians_and_ratios() -> None:
    plain = [record("vip-power", m) for m in (3.0, 4.0, 5.0)] + [
        record("langflow-kill", 12, 12, "failed")
    ]
    kit = [record("vip-power", 1.0), record("langflow-kill", 0, 0, "failed")]
    power, kill = rows(plain, kit)
    assert (power.plain, power.kit, ratio(power)) == (4.0, 1.0, "4.0x")
    assert (kill.plain_failed, kill.plain_total) == (12, 100)
    assert ratio(kill) == "none with the kit"


def test_a_skipped_drill_has_no_ratio() -> None:
    (row,) = rows(
        [replace(record("vip-power", 3.0), outcome=Outcome.SKIPPED)], [record("vip-power", 1.0)]
    )
    assert math.isnan(row.plain)
    assert ratio(row) == "-"


def test_the_recipe_is_the_tutorials() -> None:
    text = keepalived_conf(NODES[1], NODES, "10.0.0.100")
    assert "advert_int 1" in text
    assert "interval 2" in text
    assert "priority 100" in text
    assert "10.0.0.2\n" not in text.split("unicast_peer")[1]
    assert haproxy_cfg(NODES).count("check inter 2s") == 3


@pytest.mark.parametrize(
    "script", [install_script(NODES[0], NODES, NODES, "10.0.0.100"), restore_script()]
)
def test_the_scripts_are_sound_shell(script: str) -> None:
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not shutil.which("haproxy"), reason="haproxy is not installed here")
def test_haproxy_accepts_the_recipe(tmp_path: Path) -> None:
    text = haproxy_cfg(NODES).replace(" ssl crt /etc/langflow-ha/tls/edge.pem", "")
    (tmp_path / "cfg").write_text(text)
    subprocess.run(["haproxy", "-c", "-f", str(tmp_path / "cfg")], check=True)


def test_without_agents_a_running_balancer_counts() -> None:
    groups = frozenset({"cluster", "balancer", "langflow"})
    nodes = tuple(
        NodeStatus(n, groups, standing="unknown", langflow=True, holds_vip=n == "n1")
        for n in ("n1", "n2")
    )
    view = ClusterView("t", (), 0.0, nodes, decide(nodes, 0.0))
    assert not view.verdict.can_fail_over
    assert without_agent(view).verdict.can_fail_over
