from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from keeper_helpers import FakeRun, configured, raw
from langflow_ha.keeper import make, sources
from langflow_ha.keeper.config import parse
from langflow_ha.keeper.model import KeeperError
from langflow_ha.keeper.postgres import Server
from langflow_ha.keeper.shell import Done
from langflow_ha.keeper.sources import Files
from langflow_ha.keeper.stock import Stock
from langflow_ha.node.strict import ConfigError

ID = "11111111-1111-1111-1111-111111111111"
FLOW = {
    "id": ID,
    "name": "Über flow / one",
    "folder_id": "22222222-2222-2222-2222-222222222222",
    "project": "My Project!",
    "user": "admin",
    "data": {"nodes": []},
    "updated_at": "2026-11-24T00:00:00",
}
FILE = f"my-project-22222222/{ID}.json"


@dataclass
class Script:
    """Stands for a server: answers each script with fixed lines and keeps the scripts."""

    answers: list[list[str]]
    scripts: list[str] = field(default_factory=list)

    def lines(self, script: str, name: str = "postgres") -> list[str]:
        self.scripts.append(script)
        return self.answers.pop(0)


def server(*answers: list[str]) -> tuple[Server, Script]:
    script = Script(list(answers))
    return cast(Server, script), script


def test_a_flow_keeps_its_file_when_it_is_renamed() -> None:
    assert sources.flow_path(FLOW) == FILE
    assert sources.flow_path(FLOW | {"name": "other"}) == FILE
    assert sources.flow_path({"id": "a", "folder_id": None, "project": None}) == "none/a.json"


def test_export_writes_changes_only_and_removes_what_is_gone(tmp_path: Path) -> None:
    other = FLOW | {"id": "33333333-3333-3333-3333-333333333333"}
    lines = [json.dumps(FLOW), json.dumps(other)]
    asked, _ = server(lines, [lines[0]])
    assert sources.export_flows(asked, "langflow", tmp_path) == 2
    file = tmp_path / FILE
    before = file.stat()
    assert json.loads(file.read_text("utf-8"))["name"] == "Über flow / one"
    assert "Über" in file.read_text("utf-8")
    assert before.st_mode & 0o777 == 0o600
    assert sources.export_flows(asked, "langflow", tmp_path) == 1
    assert file.stat().st_ino == before.st_ino
    assert [path.name for path in tmp_path.rglob("*.json")] == [f"{ID}.json"]


def test_a_flow_goes_back_under_its_id_and_not_with_its_old_times(tmp_path: Path) -> None:
    asked, script = server(["id", "name", "data", "updated_at", "version_token", "newer"], [])
    sources.write_flow(asked, "langflow", FLOW)
    written = script.scripts[-1]
    assert "INSERT INTO flow (id, name, data, updated_at, version_token)" in written
    assert "ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, data = EXCLUDED.data, " in written
    assert "2026-11-24T00:00:00" not in written


def test_a_flow_that_could_end_its_own_quotes_is_refused() -> None:
    asked, _ = server(["id", "name"])
    with pytest.raises(KeeperError, match="cannot be written back"):
        sources.write_flow(asked, "langflow", FLOW | {"name": "$lfha$; DROP TABLE flow; --"})


def test_a_flow_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeeperError, match="is not in this backup"):
        sources.find_flow(tmp_path, ID)


def test_rclone_has_its_keys_in_the_environment_only(tmp_path: Path) -> None:
    run = FakeRun()
    files = Files(configured(tmp_path), run)
    files.gather()
    files.put_back()
    assert "s3cret" not in json.dumps(run.asked)
    assert run.environments[0]["RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY"] == "s3cret"
    assert run.asked[0][-2:] == ["store:langflow", str(tmp_path / "files")]
    assert run.asked[1][-2:] == [str(tmp_path / "files"), "store:langflow"]


def test_files_of_a_directory_need_no_copy(tmp_path: Path) -> None:
    run = FakeRun()
    files = Files(configured(tmp_path, files_store=None, files_directory="/srv/langflow"), run)
    files.gather()
    files.put_back()
    assert run.asked == []
    assert files.directory == Path("/srv/langflow")


@pytest.mark.parametrize(
    ("job", "free", "refused"),
    [
        ("full", 799, True),
        ("full", 800, False),
        ("diff", 799, False),
        ("diff", 63, True),
        ("flows", 63, True),
    ],
)
def test_a_directory_without_room_for_a_full_backup_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: str, free: int, refused: bool
) -> None:
    stanza = {
        "status": {"code": 0},
        "db": [{"id": 1, "version": "17"}],
        "backup": [
            {
                "label": "a",
                "type": "full",
                "error": False,
                "timestamp": {"start": 1, "stop": 2},
                "archive": {"start": "0" * 24, "stop": "0" * 24},
                "info": {"size": 5000, "repository": {"delta": 800 * 2**20}},
                "database": {"id": 1},
            }
        ],
    }
    run = FakeRun({"info": Done(0, json.dumps([stanza]), "")})
    stock = Stock(configured(tmp_path, target_store=None, target_directory=str(tmp_path)), run)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free * 2**20))
    if refused:
        with pytest.raises(KeeperError, match="the target is full"):
            make.make(stock, job)
        assert not any({"backup", "restic"} & set(argv) for argv in run.asked)
    else:
        assert "full backup a in 1 s" in make.make(stock, job)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"target_directory": "/srv"}, "not both"),
        ({"target_store": None}, "not both"),
        ({"ages": [{"kind": "tapes", "hours": 1}]}, "must be one of"),
        ({"ages": [{"kind": "files", "hours": 0}]}, "above 0"),
        ({"passphrase": "x"}, "unknown key"),
    ],
)
def test_a_configuration_that_cannot_work(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(raw(tmp_path, **changes))
