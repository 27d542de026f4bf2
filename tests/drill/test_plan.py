from __future__ import annotations

import asyncio
import math
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from langflow_ha.drill import cli, plan
from langflow_ha.drill.catalogue import CATALOGUE
from langflow_ha.drill.engine import WARM_UP_MAX_S
from langflow_ha.drill.model import Outcome
from langflow_ha.drill.plan import duration, planned, text
from langflow_ha.drill.publish import PAGE
from langflow_ha.drill.record import Journal
from langflow_ha.drill.series import TimedRecord
from langflow_ha.status.decide import decide
from langflow_ha.status.model import ClusterView, NodeStatus
from langflow_ha.status.remote import Completed
from langflow_ha.status.site import Node, Site
from typer.testing import CliRunner

DRILLS = {drill.id: drill for drill in CATALOGUE}
GROUPS = frozenset({"cluster", "balancer", "langflow", "postgresql"})
PAST = TimedRecord(
    "vip-power", "t", 1, "t", 100.0, Outcome.PASSED, fault_at=103.0, undo_at=111.0,
    measured=0.8, budget_kind="gap", limit=1.5, safe=True, steady_s=9.0,
)  # fmt: skip


def site(tmp_path: Path, *, container: bool = False, production: bool = False) -> Site:
    nodes = tuple(
        Node(
            f"n{i}", f"10.0.0.{i}", f"10.0.0.{i}", GROUPS, ("ssh",), sudo=False,
            container=f"lab-n{i}" if container else "", address6=f"fd00::{i}",
        )
        for i in (1, 2, 3)
    )  # fmt: skip
    return Site(
        "s", tmp_path, nodes, "10.0.0.9", "", "https://10.0.0.9", None, "admin", {},
        production=production, mode="active_active", lab=tmp_path,
    )  # fmt: skip


def view(*, sync: bool = True) -> ClusterView:
    nodes = tuple(
        NodeStatus(
            name, GROUPS, holds_vip=name == "n1", standing="fit", langflow=True,
            postgresql="primary" if name == "n3" else "replica", synchronous=sync,
        )
        for name in ("n1", "n2", "n3")
    )  # fmt: skip
    return ClusterView("s", ("10.0.0.9",), 0.0, nodes, decide(nodes, 0.0))


@pytest.mark.parametrize(
    ("drill", "targets"),
    [("vip-power", ("n1",)), ("postgres-kill", ("n3",)), ("langflow-kill", ("n2",)), ("none", ())],
)
def test_the_target_is_that_of_a_run(drill: str, targets: tuple[str, ...], tmp_path: Path) -> None:
    found = planned(site(tmp_path), DRILLS[drill], 1, view(), [], [])
    assert (found.refused, found.targets) == ("", targets)
    assert [command.node for command in found.commands] == list(targets)


@pytest.mark.parametrize(
    ("sync", "active", "drill", "why"),
    [
        (False, [], "vip-power", "the cluster cannot fail over now"),
        (True, ["n2: undo.sh exists"], "vip-power", "another fault is active: n2"),
        (True, [], "valkey-kill", "no Valkey"),
        (True, [], "valkey-power", "no Valkey"),
    ],
)
def test_why_it_would_be_refused(
    sync: bool, active: list[str], drill: str, why: str, tmp_path: Path
) -> None:
    found = planned(site(tmp_path), DRILLS[drill], 1, view(sync=sync), active, [])
    assert why in found.refused
    assert "would be SKIPPED: " + found.refused in text(found)


def test_a_drill_without_a_fitting_node_would_be_skipped(tmp_path: Path) -> None:
    now = view()
    nodes = tuple(replace(n, groups=n.groups - {"minio"}) for n in now.nodes)
    found = planned(site(tmp_path), DRILLS["store-kill"], 1, replace(now, nodes=nodes), [], [])
    assert "there is no MinIO node" in found.refused
    assert (found.targets, found.commands) == ((), ())
    assert "no node" in text(found)


def test_commands_are_exact_and_valid_shell(tmp_path: Path) -> None:
    for drill in CATALOGUE:
        for command in planned(site(tmp_path), drill, 1, view(), [], []).commands:
            for script in (command.inject, command.undo):
                checked = subprocess.run(["bash", "-n"], input=script, text=True, check=False)
                assert checked.returncode == 0, script
    (command,) = planned(site(tmp_path), DRILLS["cut-off"], 1, view(), [], []).commands
    assert "PEERS4='10.0.0.2, 10.0.0.3'" in command.inject
    assert "PEERS6='fd00::2, fd00::3'" in command.inject
    assert "--on-active=120s" in command.inject
    assert "nft delete table" in command.undo


def test_a_plan_shows_the_preparation_and_the_times_that_are_drawn(tmp_path: Path) -> None:
    shown = text(planned(site(tmp_path), DRILLS["etcd-leader-power"], 1, view(), [], []))
    assert "prepare on n3:" in shown
    assert 'etcdctl move-leader "$id"' in shown
    shown = text(planned(site(tmp_path), DRILLS["host-freeze-3"], 1, view(), [], []))
    assert "held for a time drawn from 2 to 4 s" in shown
    paused = planned(site(tmp_path), DRILLS["paused-power"], 1, view(), [], [])
    assert [command.node for command in paused.commands] == ["n1", "n2", "n3"]
    assert "sysrq" in paused.commands[-1].inject


def test_power_in_a_lab_is_the_containers(tmp_path: Path) -> None:
    (command,) = planned(
        site(tmp_path, container=True), DRILLS["vip-power"], 1, view(), [], []
    ).commands
    assert command.inject == "docker kill lab-n1"
    assert command.undo.startswith("docker start lab-n1 ")
    (real,) = planned(site(tmp_path), DRILLS["vip-power"], 1, view(), [], []).commands
    assert "sysrq" in real.inject


def test_time_is_estimated_from_earlier_runs_of_the_same_drill(tmp_path: Path) -> None:
    drill = DRILLS["vip-power"]
    assert math.isnan(planned(site(tmp_path), drill, 1, view(), [], []).usual_s)
    past = [
        PAST,
        replace(PAST, undo_at=113.0),
        replace(PAST, undo_at=200.0, drill="none"),
        replace(PAST, steady_s=None),
    ]
    found = planned(site(tmp_path), drill, 10, view(), [], past)
    assert found.usual_s == pytest.approx(21.0)
    assert found.most_s == WARM_UP_MAX_S + drill.hold_max_s + drill.steady_s
    assert "10 times usually 21 s, at most 6 min" in text(found)


@pytest.mark.parametrize(("seconds", "words"), [(8.0, "8 s"), (119.4, "119 s"), (336.0, "6 min")])
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


class Quiet:
    """A remote that notes what it is told."""

    def __init__(self) -> None:
        self.scripts: list[str] = []

    async def run(self, node: Node, script: str, *, timeout: float = 20.0) -> Completed:
        self.scripts.append(script)
        return Completed(0, "", "")

    async def stream(self, node: Node, command: str, stdin: str) -> AsyncIterator[str]:
        pytest.fail("a plan needs no watcher")
        yield ""

    async def power_off(self, node: Node) -> float:
        pytest.fail("a plan takes no power")

    async def power_on(self, node: Node) -> None:
        pytest.fail("a plan gives no power")


def test_a_plan_only_asks(tmp_path: Path) -> None:
    remote = Quiet()
    drills = [(drill, 1) for drill in CATALOGUE]
    found = asyncio.run(plan.gathered(site(tmp_path), remote, drills, []))
    assert len(found) == len(CATALOGUE)
    assert all(p.refused for p in found)  # nobody answered
    assert remote.scripts
    forbidden = ("systemctl kill", "systemd-run", "nft -f", "pkill", "systemctl stop")
    assert not [s for s in remote.scripts if any(word in s for word in forbidden)]


@pytest.mark.parametrize(
    ("sync", "production", "code"), [(True, False, 0), (False, False, 3), (True, True, 0)]
)
def test_the_command(
    sync: bool, production: bool, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def seen(*_: object) -> ClusterView:
        return view(sync=sync)

    where = site(tmp_path, production=production)
    monkeypatch.setattr(cli, "site_or_exit", lambda *_: where)
    monkeypatch.setattr(cli, "SshRemote", Quiet)
    monkeypatch.setattr(plan, "gather", seen)
    result = CliRunner().invoke(cli.app, ["run", "--plan", "-d", "vip-power", "-d", "none"])
    assert result.exit_code == code, result.output
    assert "vip holder: n1" in result.output
    assert ("name of this production site: s" in result.output) is production
    assert list(tmp_path.iterdir()) == []


def test_a_production_site_is_refused_without_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "site_or_exit", lambda *_: site(tmp_path, production=True))
    monkeypatch.setattr(cli, "_run", lambda *_: pytest.fail("it ran"))
    result = CliRunner().invoke(cli.app, ["run", "-d", "vip-power"])
    assert result.exit_code == 2
    assert "add --yes-production s" in result.output


@pytest.mark.parametrize(
    ("outcome", "code"), [(Outcome.PASSED, 0), (Outcome.FAILED, 1), (Outcome.SKIPPED, 3)]
)
def test_a_run_leaves_records_page_and_metrics(
    outcome: Outcome, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ran(
        _site: object,
        _d: object,
        _r: object,
        _i: object,
        journal: Journal,
        records: list[TimedRecord],
        seed: int,
    ) -> None:
        assert seed > 0
        found = replace(PAST, outcome=outcome, safe=outcome is Outcome.PASSED)
        journal.add(found)
        records.append(found)

    monkeypatch.setattr(cli, "site_or_exit", lambda *_: site(tmp_path, production=True))
    monkeypatch.setattr(cli, "_run", ran)
    textfile = tmp_path / "textfile"
    result = CliRunner().invoke(
        cli.app, ["run", "-d", "vip-power", "--yes-production", "s", "--textfile", str(textfile)]
    )
    assert result.exit_code == code, result.output
    assert "vip-power" in (tmp_path / "drills" / PAGE).read_text()
    assert (
        f'langflow_ha_drill_success{{site="s",drill="vip-power",kind="gap"}} {int(code == 0)}'
        in (textfile / "langflow_ha_drill_s.prom").read_text()
    )


def test_the_report_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "site_or_exit", lambda *_: site(tmp_path))
    output = tmp_path / "out" / "page.html"
    result = CliRunner().invoke(cli.app, ["report", "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert result.output.strip() == str(output)
    assert "No drill has been run here yet" in output.read_text()
