"""What a node does about records that LangFlow sends twice, where the database does not let it. With one: molecule/shared/tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "roles/langflow/files/langflow_known_rows.py"


class DatabaseError(Exception):
    """The driver's."""


class Server:
    """A connection, its transaction and its cursor in one; answers the question for what is missing."""

    def __init__(self, missing: list[tuple[str, str]], refuses: str = "") -> None:
        self.missing = missing
        self.refuses = refuses
        self.asked: list[str] = []
        self.closed = False

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def cursor(self) -> Server:
        return self

    def execute(self, query: str, values: Any = None) -> None:
        self.asked.append(" ".join(query.split()))
        if self.refuses and query.lstrip().startswith(self.refuses):
            raise DatabaseError("permission\ndenied")

    def fetchall(self) -> list[tuple[str, str]]:
        return self.missing

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("langflow_known_rows", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("LANGFLOW_DATABASE_URL", "postgresql://there")
    return module


def run(script: ModuleType, server: Server, monkeypatch: pytest.MonkeyPatch) -> int:
    driver = SimpleNamespace(Error=DatabaseError, connect=lambda url, options: server)
    monkeypatch.setitem(sys.modules, "psycopg2", driver)
    code = script.main()
    assert server.closed
    return int(code)


def test_nothing_is_done_where_all_is_there(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server([])
    assert run(script, server, monkeypatch) == 0
    assert not [query for query in server.asked if query.startswith("CREATE")]
    assert capsys.readouterr() == ("", "")


def test_each_table_gets_its_trigger_on_its_own_key(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server([("transaction", "id"), ("vertex_build", "build_id")])
    assert run(script, server, monkeypatch) == 0
    made = [query for query in server.asked if query.startswith("CREATE TRIGGER")]
    assert ['ON "transaction"' in made[0], "('id')" in made[0]] == [True, True]
    assert ['ON "vertex_build"' in made[1], "('build_id')" in made[1]] == [True, True]


def test_a_refusal_is_told_and_left_to_the_next_start(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server([("transaction", "id")], refuses="CREATE TRIGGER")
    assert run(script, server, monkeypatch) == 1
    assert "permission denied; the next start tries again" in capsys.readouterr().err
