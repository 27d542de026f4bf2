from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from langflow_ha.demo.deployed import digest, is_deployed
from langflow_ha.demo.result import failover_table, timeline
from langflow_ha.demo.steps import Progress, StepError, Steps, duration
from langflow_ha.drill.model import Check, ClassStats, Outcome, Record
from rich.console import Console


def steps() -> tuple[Steps, io.StringIO]:
    out = io.StringIO()
    return Steps(Console(file=out, width=100, color_system=None)), out


def test_duration() -> None:
    assert duration(41.6) == "42 s"
    assert duration(200) == "3 min 20 s"


def test_a_step_that_fails_says_where_its_log_is(tmp_path: Path) -> None:
    made, out = steps()
    log = tmp_path / "logs" / "x.log"
    with pytest.raises(StepError, match="exit code 3"):
        made.run([sys.executable, "-c", "print('hello'); raise SystemExit(3)"], log)
    assert "hello" in log.read_text()
    assert "hello" in out.getvalue()


def test_ansible_is_shown_by_plays_and_failures() -> None:
    made, out = steps()
    progress = Progress(made)
    for line in (
        "PLAY [1. Preflight] ****\n",
        "TASK [base : install] ****\n",
        "\x1b[0;32mok: [n1]\x1b[0m\n",
        "fatal: [n2]: FAILED! => msg\n",
    ):
        progress.line(line)
    text = out.getvalue()
    assert "1. Preflight" in text
    assert "fatal: [n2]" in text
    assert "install" not in text


def test_a_change_of_a_role_is_a_reason_to_deploy(tmp_path: Path) -> None:
    (tmp_path / "roles").mkdir()
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    file = tmp_path / "roles" / "main.yml"
    file.write_text("a")
    before = digest(inventory, tmp_path, ("roles",))
    marker = tmp_path / "deployed"
    assert not is_deployed(marker, before)
    marker.write_text(before)
    assert is_deployed(marker, digest(inventory, tmp_path, ("roles",)))
    file.write_text("b")
    assert not is_deployed(marker, digest(inventory, tmp_path, ("roles",)))
    file.write_text("a")
    (inventory / "hosts.yml").write_text("new")
    assert not is_deployed(marker, digest(inventory, tmp_path, ("roles",)))


def test_timeline() -> None:
    changes = ((-3.0, ("n1",)), (0.05, ()), (0.92, ("n2",)))
    assert timeline(changes) == "n1 before; nobody from +0.05 s; n2 from +0.92 s"
    assert timeline(()) == "not seen"


def test_the_table_shows_what_matters() -> None:
    record = Record(
        "vip-power", "The VIP holder loses power", 1, "demo", 0.0, Outcome.FAILED, "over budget",
        targets=("n1",), measured=2.34, limit=1.5, acknowledged=40, lost=1, samples=900,
        classes={"ui": ClassStats(400, 12, 2.34, 5.0, 9.0, {"TimeoutError": 12})},
        checks=(Check("exactly one VIP owner outside the hand-over", ok=False, detail="3 samples"),),
        owners=((-3.0, ("n1",)), (0.9, ("n2",))),
    )  # fmt: skip
    out = io.StringIO()
    Console(file=out, width=100, color_system=None).print(failover_table(record))
    for words in (
        "2.34 s (budget 1.5 s)",
        "12 / 400 (12 TimeoutError)",
        "1 of 40",
        "FAILED 3 samples",
        "FAIL",
    ):
        assert words in out.getvalue()
