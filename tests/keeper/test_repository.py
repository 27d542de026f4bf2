from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from keeper_helpers import FakeRun, configured
from langflow_ha.keeper import repository
from langflow_ha.keeper.model import KeeperError
from langflow_ha.keeper.postgres import Scratch
from langflow_ha.keeper.repository import Repository, Target
from langflow_ha.keeper.shell import Done

INFO = [
    {
        "name": "blue",
        "status": {"code": 0, "message": "ok"},
        "db": [{"id": 1, "version": "17", "system-id": 7}],
        "backup": [
            {
                "label": "20261124-020000F",
                "type": "full",
                "error": False,
                "timestamp": {"start": 1000, "stop": 1060},
                "archive": {
                    "start": "000000010000000000000002",
                    "stop": "000000010000000000000003",
                },
                "info": {"size": 5000, "repository": {"delta": 800}},
                "lsn": {"start": "0/2000028", "stop": "0/3000050"},
                "database": {"id": 1, "repo-key": 1},
                "annotation": {"langflow-version": "1.13.0"},
            },
            {
                "label": "20261124-030000F",
                "type": "full",
                "error": True,
                "timestamp": {"start": 2000, "stop": 2060},
                "archive": {"start": None, "stop": None},
                "info": {"size": 1, "repository": {"delta": 1}},
                "database": {"id": 1, "repo-key": 1},
            },
        ],
    }
]


def made(tmp_path: Path, **answers: Done) -> tuple[Repository, FakeRun]:
    run = FakeRun({word.replace("_", "-"): done for word, done in answers.items()})
    return Repository(configured(tmp_path).database, run), run


def test_a_backup_with_page_errors_is_none() -> None:
    (only,) = repository.backups(INFO)
    assert (only.label, only.at, only.seconds, only.size, only.stored) == (
        "20261124-020000F",
        1060.0,
        60.0,
        5000,
        800,
    )
    assert only.notes == {"langflow-version": "1.13.0"}
    assert only.database == "17"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ERROR: [029]: CryptoError: cipher header invalid", "secret_backup_passphrase"),
        ("ERROR: [041]: unable to write: [28] No space left on device", "the target is full"),
        (
            "ERROR: [028]: backup and archive info files exist but do not match the database",
            "another database",
        ),
        (
            "ERROR: [082]: WAL segment 0003 was not archived before the 60000ms timeout",
            "was not archived",
        ),
    ],
)
def test_errors_say_how_to_mend_them(tmp_path: Path, said: str, told: str) -> None:
    repo, _ = made(tmp_path, backup=Done(29, "", f"P00 {said}\nmore text\n"))
    with pytest.raises(KeeperError, match=told):
        repo.demand("making a backup", "backup")


def test_a_repository_that_does_not_open_is_no_empty_one(tmp_path: Path) -> None:
    broken = [
        {
            "name": "blue",
            "status": {"code": 99, "message": "other"},
            "repo": [{"status": {"code": 99, "message": "[CryptoError] cipher header invalid"}}],
            "backup": [],
            "db": [],
        }
    ]
    repo, _ = made(tmp_path, info=Done(0, json.dumps(broken), ""))
    with pytest.raises(KeeperError, match="passphrase does not open"):
        repo.info()


def test_wal_is_whole_segments_only(tmp_path: Path) -> None:
    names = {
        "17-1/0000000100000000/000000010000000000000002-abc.zst": {"type": "file"},
        "17-1/0000000100000000/000000010000000000000003.partial-abc.zst": {"type": "file"},
        "17-1/0000000100000000": {"type": "path"},
        "17-1/00000002.history": {"type": "file"},
        "archive.info": {"type": "file"},
        "17-1/0000000100000000/000000010000000000000002.00000028.backup": {"type": "file"},
    }
    repo, _ = made(tmp_path, repo_ls=Done(0, json.dumps(names), ""))
    assert repo.wal() == ["000000010000000000000002"]


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (Target(), ["--type=default"]),
        (Target("immediate"), ["--type=immediate", "--target-action=promote"]),
        (Target("name", "p"), ["--type=name", "--target=p", "--target-action=promote"]),
    ],
)
def test_targets(target: Target, options: list[str]) -> None:
    assert target.options == options


def test_the_repository_of_another_cluster_is_refused(tmp_path: Path) -> None:
    repo, _ = made(tmp_path)
    repo.refuse_foreign(INFO, 7)
    repo.refuse_foreign([], 7)
    with pytest.raises(KeeperError, match=r"another database cluster.*restore\.yml"):
        repo.refuse_foreign(INFO, 8)


def test_a_busy_archiver_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = iter([50, 50, 0])
    repo, _ = made(tmp_path)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(repo, "call", lambda *_: Done(next(codes), "", ""))
    repo.create()
    assert next(codes, None) is None
    monkeypatch.setattr(
        repo, "call", lambda *_: Done(50, "", "ERROR: [050]: unable to acquire lock")
    )
    with pytest.raises(KeeperError, match="unable to acquire lock"):
        repo.create()


def test_a_restore_beside_the_running_server_leaves_its_spool_alone(tmp_path: Path) -> None:
    """`restore` empties the stanza's spool, and a segment under way would not be told to have arrived."""
    found, run = made(tmp_path)
    scratch = Scratch(found, tmp_path / "data.restored", 5499, run)
    scratch.fill(Target("name", "before"), "20261124-020000F")
    (asked,) = (argv for argv in run.asked if "restore" in argv)
    assert f"--spool-path={scratch.socket}" in asked
