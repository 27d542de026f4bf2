from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from keeper_helpers import FakeRun, raw
from langflow_ha.keeper import bring_back, cli, figures
from langflow_ha.keeper.model import Backup, KeeperError, Kind
from langflow_ha.keeper.postgres import Server
from langflow_ha.keeper.repository import Target
from langflow_ha.keeper.shell import Done


def test_equal_figures_have_no_difference() -> None:
    same = {"langflow.public.flow": "3:42", "langflow.public.user": "1:7"}
    assert figures.differences(same, dict(same)) == []


def test_every_difference_is_told() -> None:
    claimed = {"d.s.gone": "1:1", "d.s.fewer": "3:9", "d.s.other": "2:5", "d.s.same": "0:0"}
    restored = {"d.s.fewer": "2:4", "d.s.other": "2:6", "d.s.same": "0:0", "d.s.more": "1:1"}
    assert figures.differences(claimed, restored) == [
        "d.s.fewer: 3 rows claimed, 2 restored",
        "d.s.gone is missing in the restore",
        "d.s.more is in the restore only",
        "d.s.other: 2 rows, other content",
    ]


def test_output_is_read_back_with_odd_names() -> None:
    assert figures.parsed("langflow", ['public."odd|name"|4:-12']) == {
        'langflow.public."odd|name"': "4:-12"
    }


SEGMENT = "0000000100000000000000A1"


def test_a_restore_point_counts_when_its_wal_is_in_the_archive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = FakeRun({"psql": Done(0, f"{SEGMENT}\n", "")})
    figures.mark(Server("/run", 5432, run), "upgrade-1")
    monkeypatch.setattr(figures, "ARCHIVE_S", 0)
    with pytest.raises(KeeperError, match=f"{SEGMENT} was not archived"):
        figures.mark(Server("/run", 5432, run), "upgrade-1")


@pytest.mark.parametrize("name", ["", "a b", "x" * 64, "it's"])
def test_a_name_that_postgresql_would_cut_or_misread_is_refused(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["point", name])
    assert "use up to 63 of letters" in capsys.readouterr().err


def test_who_is_not_the_primary_makes_no_restore_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "backup.json"
    file.write_text(json.dumps(raw(tmp_path)), "utf-8")
    monkeypatch.setattr(cli, "is_primary", lambda _: False)
    assert cli.main(["--config", str(file), "point", "upgrade-1"]) == 0
    assert json.loads(capsys.readouterr().out)["point"] == ""


def test_a_restore_point_names_the_backup_that_a_restore_starts_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A later one would be younger than the point, and could not be recovered back to it."""
    file = tmp_path / "backup.json"
    file.write_text(json.dumps(raw(tmp_path)), "utf-8")
    marked: list[str] = []
    backup = Backup(Kind.DATABASE, "20261122-020005F", 1.0, 1, 1)
    plan = bring_back.Plan(backup, Target("default", ""), "/x", 1, ())
    monkeypatch.setattr(cli, "is_primary", lambda _: True)
    monkeypatch.setattr(bring_back, "plan", lambda *_: plan)
    monkeypatch.setattr(figures, "mark", lambda _, name: marked.append(name))
    assert cli.main(["--config", str(file), "point", "upgrade-1"]) == 0
    assert json.loads(capsys.readouterr().out) == {"point": "upgrade-1", "backup": backup.label}
    assert marked == ["upgrade-1"]
    monkeypatch.setattr(bring_back, "plan", lambda *_: replace(plan, refusals=("no room",)))
    assert cli.main(["--config", str(file), "point", "upgrade-2"]) == 1
    assert marked == ["upgrade-1"], "what could not be restored from is no way back"
