"""Clients of the databases alone, against nodes that are not there."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest
from langflow_ha.drill.database_load import ALL_ROWS, DatabaseLoad, parse
from langflow_ha.status.remote import Completed, RemoteError
from langflow_ha.status.site import Node, Site

NAMES = ("n1", "n2", "n3")


class FakeNodes:
    """n2 is the primary; n1 cannot be reached."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.forgets = False
        self.dropped = False
        self.primary = "n2"

    async def run(self, node: Node, script: str, *, timeout: float = 20.0) -> Completed:
        if node.name == "n1":
            raise RemoteError("n1: no answer")
        if node.name != self.primary:
            return Completed(0, "", "") if "select" in script else Completed(1, "", "read-only")
        self.dropped = self.dropped or "drop table" in script
        return Completed(0, "".join(f"{row}\n" for row in self.rows), "")

    async def stream(self, node: Node, command: str, stdin: str) -> AsyncIterator[str]:
        yield "Welcome to this host\n"
        while node.name == self.primary:
            row = f"row-{len(self.rows)}"
            if not self.forgets or not self.rows:
                self.rows.append(row)
            now = time.time()
            yield json.dumps({"start": now - 0.01, "end": now, "id": row})
            await asyncio.sleep(0.01)

    async def power_off(self, node: Node) -> float:
        raise NotImplementedError

    async def power_on(self, node: Node) -> None:
        raise NotImplementedError


def population(remote: FakeNodes) -> DatabaseLoad:
    groups = frozenset({"etcd", "postgresql"})
    nodes = tuple(Node(n, n, n, groups, ("ssh", n), sudo=False) for n in NAMES)
    site = Site(
        "t", Path("/x"), nodes, "192.0.2.1", "", "https://192.0.2.1", None, "admin", {},
        production=False, mode="active_active", lab=None,
    )  # fmt: skip
    return DatabaseLoad(site, remote)


async def some(load: DatabaseLoad) -> None:
    load.start(("sql",))
    while len(load.requests) < 5:
        await asyncio.sleep(0.01)
    await load.stop()


def test_every_acknowledged_row_is_looked_for() -> None:
    remote = FakeNodes()
    load = population(remote)
    asyncio.run(some(load))
    assert {request.server for request in load.requests} == {"n2"}
    assert {request.cls for request in load.requests} == {"sql"}
    assert asyncio.run(load.missing()) == []
    asyncio.run(load.clean(load.acknowledged))
    assert remote.dropped


def test_a_lost_row_is_found() -> None:
    remote = FakeNodes()
    remote.forgets = True
    load = population(remote)
    asyncio.run(some(load))
    assert {write.id for write in asyncio.run(load.missing())} == {"row-1"}


def test_without_a_primary_nothing_is_known() -> None:
    remote = FakeNodes()
    load = population(remote)
    asyncio.run(some(load))
    remote.primary = ""
    with pytest.raises(RemoteError, match="no primary answers: n3"):
        asyncio.run(load.missing())


def test_a_standby_has_no_row_to_show() -> None:
    assert "not pg_is_in_recovery()" in ALL_ROWS


def test_other_lines_are_no_commits() -> None:
    assert parse("Last login: yesterday") is None
    assert parse('{"at": 1}') is None
    assert parse('{"id": "a", "start": 1, "end": 2.5}') == ("a", 1.0, 2.5)


DRIVER = """\
import itertools
class Error(Exception): pass
state = itertools.count()
class Cursor:
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def execute(self, statement, values=()):
        self.statement = statement
        if "insert" in statement and next(state) == 2: raise Error("read-only")
    def fetchone(self): return [False]
class Connection:
    autocommit = False
    def cursor(self): return Cursor()
    def close(self): pass
def connect(**_): return Connection()
"""


def test_the_writer_tells_only_what_was_committed(tmp_path: Path) -> None:
    source = files("langflow_ha.drill").joinpath("node_writer.py").read_text("utf-8")
    (tmp_path / "psycopg2.py").write_text(DRIVER)
    # No user is changed into in a test.
    source = source.replace('    entry = pwd.getpwnam("postgres")\n', "").replace(
        "    os.setgroups([])\n    os.setgid(entry.pw_gid)\n    os.setuid(entry.pw_uid)\n", ""
    )
    options = json.dumps({"create": "create", "insert": "insert", "interval_s": 0.01})
    process = subprocess.Popen(
        [sys.executable, "-u", "-", options],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(source)
    process.stdin.close()
    commits = [parse(process.stdout.readline()) for _ in range(5)]
    process.kill()
    process.wait()
    rows = [commit[0] for commit in commits if commit]
    assert len(set(rows)) == 5
    ends = [commit[2] for commit in commits if commit]
    assert ends == sorted(ends)
    assert abs(ends[-1] - time.time()) < 5
