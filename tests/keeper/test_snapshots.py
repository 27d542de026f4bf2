from __future__ import annotations

import json
from pathlib import Path

import pytest
from keeper_helpers import FakeRun, configured
from langflow_ha.keeper import snapshots
from langflow_ha.keeper.bring_back import parsed_time, snapshot_at
from langflow_ha.keeper.model import KeeperError, Kind
from langflow_ha.keeper.shell import Done
from langflow_ha.keeper.snapshots import Snapshots

SNAPSHOT = {
    "time": "2026-11-24T02:00:00.123456789Z",
    "short_id": "abcd1234",
    "tags": ["files"],
    "summary": {
        "backup_start": "2026-11-24T02:00:00.5Z",
        "backup_end": "2026-11-24T02:00:09.500000001Z",
        "total_bytes_processed": 77,
        "data_added_packed": 5,
    },
}


def test_snapshots_of_other_tags_are_not_ours() -> None:
    (only,) = snapshots.backups([SNAPSHOT, {**SNAPSHOT, "tags": None}])
    assert (only.kind, only.label, only.size, only.stored) == (Kind.FILES, "abcd1234", 77, 5)
    assert only.seconds == pytest.approx(9.0)
    assert only.at == pytest.approx(parsed_time("2026-11-24T02:00:09.5+00:00"))


@pytest.mark.parametrize(
    ("code", "told"),
    [(12, "secret_backup_passphrase"), (10, "no repository"), (1, "something else")],
)
def test_exit_codes_of_restic(tmp_path: Path, code: int, told: str) -> None:
    run = FakeRun({"snapshots": Done(code, "", "Fatal: something else\n")})
    with pytest.raises(KeeperError, match=told):
        Snapshots(configured(tmp_path), run).saved()


def test_a_missing_repository_is_made_and_a_locked_one_is_not(tmp_path: Path) -> None:
    run = FakeRun({"cat": Done(10, "", "")})
    assert Snapshots(configured(tmp_path), run).ensure(create=False)
    assert not any("init" in argv for argv in run.asked)
    assert Snapshots(configured(tmp_path), run).ensure(create=True)
    assert any("init" in argv for argv in run.asked)
    wrong = FakeRun({"cat": Done(12, "", "")})
    with pytest.raises(KeeperError, match="does not open"):
        Snapshots(configured(tmp_path), wrong).ensure(create=True)
    assert not any("init" in argv for argv in wrong.asked)


def test_no_secret_is_on_a_command_line(tmp_path: Path) -> None:
    run = FakeRun({"snapshots": Done(0, json.dumps([SNAPSHOT]), "")})
    repository = Snapshots(configured(tmp_path), run)
    repository.saved()
    repository.save(Kind.FILES, tmp_path)
    assert "s3cret" not in json.dumps(run.asked)
    assert all(e["AWS_SECRET_ACCESS_KEY"] == "s3cret" for e in run.environments)
    assert (
        run.environments[0]["RESTIC_REPOSITORY"]
        == "s3:https://localhost:9010/langflow-backup/restic"
    )


def test_the_snapshot_of_a_moment_is_chosen() -> None:
    days = [
        {**SNAPSHOT, "short_id": f"day{n}", "summary": None, "time": f"2026-11-2{n}T02:00:00Z"}
        for n in (2, 3, 4)
    ]
    found = snapshots.backups(days)
    assert snapshot_at(found, Kind.FILES, None, "").label == "day4"
    assert snapshot_at(found, Kind.FILES, parsed_time("2026-11-23 23:59+00:00"), "").label == "day3"
    assert snapshot_at(found, Kind.FILES, None, "day2").label == "day2"
    with pytest.raises(KeeperError, match="no backup of the files from before"):
        snapshot_at(found, Kind.FILES, parsed_time("2026-11-01 00:00+00:00"), "")
    with pytest.raises(KeeperError, match="no backup of the flows at all"):
        snapshot_at(found, Kind.FLOWS, None, "")


@pytest.mark.parametrize("text", ["yesterday", "2026-11-24 22:10", "22:10+00:00"])
def test_a_time_without_offset_is_refused(text: str) -> None:
    with pytest.raises(KeeperError, match="offset from UTC"):
        parsed_time(text)
