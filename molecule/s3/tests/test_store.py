"""LangFlow and the backups with an object store that is not MinIO, seen from the user's side and from the store's."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab
from store import NAMESPACE, Account, ask, container_name

ADMIN = "/usr/local/lib/langflow-ha/langflow-admin"
NODE = "n1"
PATIENCE_S = 300.0


def on_node(lab: Lab, *command: str) -> str:
    code, output = Engine().execute(lab.node(NODE).container, *command)
    assert code == 0, f"{command}: {output}"
    return output


def listed(lab: Lab, account: Account, element: str, query: str = "?list-type=2") -> list[str]:
    """Keys in a bucket, as the store's own listing has them."""
    found = ElementTree.fromstring(ask(lab, account, query))
    return [str(entry.findtext(f"{NAMESPACE}Key")) for entry in found.iter(f"{NAMESPACE}{element}")]


def objects(lab: Lab, account: Account, name: str) -> list[str]:
    return [key for key in listed(lab, account, "Contents") if key.endswith(name)]


@pytest.fixture
def upload(lab: Lab, files: Account, user: httpx.Client) -> Iterator[Any]:
    """Upload a file; what a test leaves is deleted."""
    ids: list[str] = []

    def upload(name: str, content: bytes) -> str:
        answer = user.post("/api/v2/files", files={"file": (name, content)})
        assert answer.status_code == 201, answer.text
        ids.append(str(answer.json()["id"]))
        return ids[-1]

    yield upload
    for file in ids:
        user.delete(f"/api/v2/files/{file}")


def test_langflow_finds_the_store_fit_for_production(lab: Lab) -> None:
    report = on_node(lab, ADMIN, "preflight")
    storage = next(line for line in report.splitlines() if "storage" in line.lower())
    assert "langflow" in storage, report


def test_a_file_goes_in_comes_back_and_goes(
    lab: Lab, files: Account, user: httpx.Client, upload: Any
) -> None:
    content = os.urandom(3_000_000)
    file = upload("round.bin", content)
    (key,) = objects(lab, files, "round.bin")
    assert key.startswith("files/")
    assert file in {entry["id"] for entry in user.get("/api/v2/files").json()}
    assert user.get(f"/api/v2/files/{file}").content == content
    assert user.delete(f"/api/v2/files/{file}").status_code == 200
    assert objects(lab, files, "round.bin") == []
    # The bucket keeps versions: what was deleted can be had again.
    assert key in listed(lab, files, "Version", "?versions")


def test_a_stranger_gets_nothing(lab: Lab, files: Account, backups: Account) -> None:
    """The key of the backups does not open the files."""
    stranger = Account(files.bucket, backups.access_key, backups.secret_key)
    with pytest.raises(RuntimeError, match="403"):
        ask(lab, stranger, "?list-type=2")


def told(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(on_node(lab, "langflow-ha-backup", "list"))
    return found


def test_every_kind_of_backup_is_in_the_bucket(lab: Lab, backups: Account) -> None:
    for job in ("full", "files", "flows", "config"):
        on_node(lab, "systemctl", "start", f"langflow-ha-backup-run@{job}.service")
    on_node(lab, "langflow-ha-backup", "check")
    kinds = {backup["kind"] for backup in told(lab)["backups"]}
    assert kinds == {"database", "files", "flows", "config"}
    tops = {key.partition("/")[0] for key in listed(lab, backups, "Contents")}
    assert tops == {"pgbackrest", "restic"}


def test_the_newest_backup_of_the_database_restores_row_for_row(lab: Lab) -> None:
    on_node(lab, "langflow-ha-backup", "rehearse")


def test_a_lost_file_comes_back_from_the_backup(
    lab: Lab, files: Account, user: httpx.Client, upload: Any
) -> None:
    content = os.urandom(100_000)
    file = upload("lost.bin", content)
    on_node(lab, "langflow-ha-backup", "run", "files")
    (key,) = objects(lab, files, "lost.bin")
    ask(lab, files, f"/{key}", "--request", "DELETE")
    assert user.get(f"/api/v2/files/{file}").status_code >= 400
    on_node(lab, "langflow-ha-backup", "files")
    assert user.get(f"/api/v2/files/{file}").content == content


@contextmanager
def away(lab: Lab) -> Iterator[None]:
    """The store's power is cut for as long as the block lasts."""
    engine = Engine()
    engine.run("kill", container_name(lab))
    try:
        yield
    finally:
        engine.run("start", container_name(lab))


def test_a_store_that_is_away_costs_files_alone(lab: Lab, user: httpx.Client, upload: Any) -> None:
    content = os.urandom(10_000)
    file = upload("before.bin", content)
    with away(lab):
        # LangFlow's client of the store tries for minutes; nothing else may wait for that.
        with suppress(httpx.ReadTimeout):
            refused = user.post("/api/v2/files", files={"file": ("while.bin", b"x")}, timeout=20)
            assert refused.status_code >= 500
        assert user.get("/health_check").status_code == 200
        assert user.get("/api/v1/flows/").status_code == 200
    end = time.monotonic() + PATIENCE_S
    while user.get(f"/api/v2/files/{file}").content != content:
        assert time.monotonic() < end, "the file does not come back with the store"
        time.sleep(1)
