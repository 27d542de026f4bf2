"""The units of the scheduled drill: what systemd makes of them, and when they may run."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from langflow_ha import ROOT
from langflow_ha.drill import cli, window
from langflow_ha.drill.catalogue import CATALOGUE
from langflow_ha.drill.faults import FAULTS
from langflow_ha.drill.window import WindowError, first_opening, parsed, remaining
from typer.main import get_command
from typer.testing import CliRunner

ROLE = ROOT / "roles" / "drill_schedule"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
OPTIONS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"][
    "main"
]["options"]
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")


def rendered(kind: str, **changes: Any) -> str:
    """Return a unit as Ansible renders it."""
    environment = Environment(
        loader=FileSystemLoader(ROLE / "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    values = {
        **DEFAULTS,
        "ansible_managed": "managed",
        "drill_schedule_site": "mysite",
        "drill_schedule_inventory": "/srv/kit/inventories/mysite",
        "drill_schedule_command": "/usr/bin/true",
        **changes,
    }
    return environment.get_template(f"langflow-ha-drill.{kind}.j2").render(values)


def settings(text: str) -> dict[str, str]:
    """Return all settings of a unit."""
    parser = configparser.RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return {name: value for section in parser.sections() for name, value in parser[section].items()}


def words(command: str) -> list[str]:
    """Split a command line as systemd does after its own expansions; none may be left to it."""
    assert not re.search(r"[%$]", command.replace("%%", "").replace("$$", "")), command
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command)]


EVERYTHING = {
    "drill_schedule_textfile_directory": "/var/lib/prometheus/node-exporter",
    "drill_schedule_vault_password_file": "/root/.my site.pass",
    "drill_schedule_inventory": '/srv/100% "mine"/$HOME\\x',
    "drill_schedule_repeat": 3,
    "drill_schedule_user": "daemon",
}


@pytest.mark.parametrize("changes", [{}, EVERYTHING])
def test_the_command_lines_are_understood_by_the_command(changes: dict[str, Any]) -> None:
    unit = settings(rendered("service", **changes))
    group: Any = get_command(cli.app)
    for setting, name in (("ExecCondition", "window"), ("ExecStart", "run")):
        program, drill, sub, *arguments = words(unit[setting])
        assert (program, drill, sub) == ("/usr/bin/true", "drill", name)
        context = group.commands[sub].make_context(sub, arguments)
        if name == "run":
            assert context.params["yes_production"] == "mysite"
            assert str(context.params["inventory"]) == changes.get(
                "drill_schedule_inventory", "/srv/kit/inventories/mysite"
            )
            assert context.params["drill"] == ["haproxy-kill"]
            assert context.params["repeat"] == changes.get("drill_schedule_repeat", 1)
            directory = context.params["textfile"]
            assert (str(directory) if directory else None) == changes.get(
                "drill_schedule_textfile_directory"
            )
        else:
            assert context.params["calendar"] == "Sun *-*-01..07 03:00:00"
            assert (context.params["minutes"], context.params["needs"]) == (120, 30)


@needs_systemd
@pytest.mark.parametrize("changes", [{}, EVERYTHING])
def test_systemd_finds_nothing_wrong(changes: dict[str, Any], tmp_path: Path) -> None:
    for kind in ("service", "timer"):
        (tmp_path / f"langflow-ha-drill-mysite.{kind}").write_text(rendered(kind, **changes))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "langflow-ha-drill" in line]
    assert ours == []


def test_a_missed_date_is_not_made_up_for_and_stopping_leaves_time_for_the_undo() -> None:
    timer, service = settings(rendered("timer")), settings(rendered("service"))
    assert timer["Persistent"] == "false"
    assert service["TimeoutStartSec"] == "30min"
    assert service["KillMode"] == "mixed"
    assert service["TimeoutStopSec"] == "5min"


def test_only_drills_that_leave_every_machine_up_can_be_scheduled() -> None:
    known = {drill.id: drill for drill in CATALOGUE}
    for name in OPTIONS["drill_schedule_drill"]["choices"]:
        fault = FAULTS[known[name].fault]
        assert not fault.power
        assert "nft" not in fault.inject
        assert "STOP" not in fault.inject


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("opens", "now", "minutes"),
    [
        ("2026-12-06 03:00", "2026-12-06 02:59", 0),
        ("2026-12-06 03:00", "2026-12-06 03:00", 120),
        ("2026-12-06 03:00", "2026-12-06 04:30", 30),
        ("2026-12-06 03:00", "2026-12-06 05:00", 0),
        (None, "2026-12-06 03:00", 0),
    ],
)
def test_remaining(opens: str | None, now: str, minutes: int) -> None:
    opened = at(opens) if opens else None
    assert remaining(opened, 7200, at(now)) == 60 * minutes


@pytest.mark.parametrize(
    ("output", "moment"),
    [
        (
            "    Next elapse: Sun 2026-12-06 03:00:00 UTC\n       From now: 1 week",
            "2026-12-06 03:00",
        ),
        (
            "    Next elapse: Sun 2026-12-06 03:00:00 CET\n"
            "       (in UTC): Sun 2026-12-06 02:00:00 UTC\n",
            "2026-12-06 02:00",
        ),
        ("    Next elapse: never\n", None),
    ],
)
def test_what_systemd_says_of_the_next_opening(output: str, moment: str | None) -> None:
    assert parsed(output) == (at(moment) if moment else None)


@needs_systemd
@pytest.mark.parametrize(
    ("now", "minutes"),
    [
        ("2026-12-06 02:59", 0),  # the first Sunday, just before
        ("2026-12-06 03:30", 90),
        ("2026-12-06 05:01", 0),
        ("2026-12-07 03:30", 0),  # the Monday after, as when a suspended machine wakes
        ("2026-12-13 03:30", 0),  # the second Sunday
    ],
)
def test_the_default_window(now: str, minutes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    opened = first_opening(DEFAULTS["drill_schedule_calendar"], at(now) - 7200)
    assert remaining(opened, 7200, at(now)) == 60 * minutes


@needs_systemd
def test_a_bad_expression_is_refused() -> None:
    with pytest.raises(WindowError, match="'someday'"):
        first_opening("someday", 0.0)


@pytest.mark.parametrize(
    ("opened_before_minutes", "needs", "code"),
    [(10, 30, 0), (100, 30, 1), (100, 20, 0), (None, 0, 1)],
)
def test_the_command_answers_with_systemds_codes(
    opened_before_minutes: int | None, needs: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opening(_calendar: str, after: float) -> float | None:
        return None if opened_before_minutes is None else after + 7200 - 60 * opened_before_minutes

    monkeypatch.setattr(window, "first_opening", opening)
    arguments = ["window", "--calendar", "x", "--minutes", "120", "--needs", str(needs)]
    assert CliRunner().invoke(cli.app, arguments).exit_code == code


def test_a_bad_expression_fails_the_unit_instead_of_skipping_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_calendar: str, _after: float) -> float | None:
        raise WindowError("no")

    monkeypatch.setattr(window, "first_opening", broken)
    result = CliRunner().invoke(cli.app, ["window", "--calendar", "x", "--minutes", "120"])
    assert result.exit_code == 255
