"""The daemon's side of LangFlow's table, with a driver that answers as the test says."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
from langflow_ha.runs.database import NAME, VERSION, Database
from langflow_ha.runs.model import Queued

ROWS = [("job-1", "user-1", "langflow/0/n1", False)]


class Server:
    """What a PostgreSQL would answer, and what it was asked."""

    def __init__(self) -> None:
        self.state: tuple[bool, bool, str | None] = (False, True, VERSION)
        self.asked: list[str] = []
        self.connections = self.closed = 0
        self.broken = False

    def connect(self, _url: str, *, options: str) -> Server:
        assert "statement_timeout=1000" in options and "lock_timeout=1000" in options
        self.connections += 1
        return self

    def cursor(self) -> Server:
        return self

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, statement: str) -> None:
        if self.broken:
            raise sys.modules["psycopg2"].Error("the server\n closed the connection")
        self.asked.append(statement.split()[0])

    def fetchone(self) -> tuple[bool, bool, str | None]:
        return self.state

    def fetchall(self) -> list[tuple[str, str, str, bool]]:
        return ROWS

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    found = Server()
    driver: Any = types.ModuleType("psycopg2")
    driver.connect, driver.Error = found.connect, type("Error", (Exception,), {})
    monkeypatch.setitem(sys.modules, "psycopg2", driver)
    return found


def test_the_queue_over_one_connection(server: Server) -> None:
    database = Database("postgresql://x", 1.0)
    assert database.queued() == database.queued() == (Queued(*ROWS[0]),)
    assert server.connections == 1 and "CREATE" not in server.asked


@pytest.mark.parametrize("mark", [None, "0"])
def test_a_missing_or_older_trigger_is_made_anew(server: Server, mark: str | None) -> None:
    server.state = (False, True, mark)
    Database("postgresql://x", 1.0).queued()
    assert server.asked == ["SELECT", "BEGIN", "SELECT", "CREATE", "COMMIT", "SELECT"]


def test_before_langflows_first_start_there_is_no_queue(server: Server) -> None:
    server.state = (False, False, None)
    assert Database("postgresql://x", 1.0).queued() == ()
    assert server.asked == ["SELECT"]


def test_a_standby_is_not_believed(server: Server) -> None:
    server.state = (True, True, VERSION)
    with pytest.raises(OSError, match="standby"):
        Database("postgresql://x", 1.0).queued()
    assert server.closed == 1


def test_after_trouble_there_is_a_new_connection(server: Server) -> None:
    database = Database("postgresql://x", 1.0)
    database.queued()
    server.broken = True
    with pytest.raises(OSError, match="the server closed the connection"):
        database.queued()
    server.broken = False
    assert database.queued() and server.connections == 2


def test_the_trigger_names_no_column_in_its_definition() -> None:
    """PostgreSQL refuses to change a column that a trigger's own definition names."""
    from langflow_ha.runs import database

    (definition,) = [
        line for line in database._MARK.splitlines() if line.startswith("CREATE OR REPLACE TRIGGER")
    ]
    assert definition.endswith(
        f"BEFORE INSERT OR UPDATE ON job FOR EACH ROW EXECUTE FUNCTION {NAME}();"
    )
    assert "EXCEPTION WHEN OTHERS" in database._MARK
