"""Rows and checksum of every table at one exact point of the WAL, so that a restore can be compared.

The live cluster goes on writing, so "compare with live" needs a point that both sides agree on. All
tables are locked against writers for the moment in which a snapshot is taken and a restore point is
written: nothing can commit between the two. The counting itself runs on the snapshot, without locks.
A restore to that named point must then give the same figures, row for row.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import IO

from langflow_ha.keeper.model import KeeperError
from langflow_ha.keeper.postgres import Server
from langflow_ha.keeper.repository import USER

Figures = dict[str, str]
"""`database.schema.table` → `rows:checksum`."""

TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND schemaname NOT LIKE 'pg\\_%' ORDER BY 1
"""
LOCK_WAIT = "1s"
TRIES = 10
ARCHIVE_S = 180.0
POLL_S = 1.0


def count_script(tables: list[str]) -> str:
    """Return the SQL that prints `table|rows:checksum`; the checksum does not depend on the rows' order."""
    return "\n".join(
        f"SELECT $t${table}$t$ || '|' || count(*) || ':' || "  # noqa: S608 - names quoted by PostgreSQL
        f"coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {table} t;"
        for table in tables
    )


def parsed(database: str, lines: list[str]) -> Figures:
    """Return the figures in the output of `count_script`."""
    return {
        f"{database}.{table}": value for table, _, value in (line.rpartition("|") for line in lines)
    }


def now(server: Server) -> Figures:
    """Return the figures of a server that nobody writes to."""
    found: Figures = {}
    for name in server.databases():
        tables = server.lines(TABLES, name)
        found |= parsed(name, server.lines(count_script(tables), name)) if tables else {}
    return found


class _Session:
    """One psql that is fed line by line, because a snapshot lives as long as its session."""

    def __init__(self, server: Server, database: str) -> None:
        self.process = subprocess.Popen(
            [
                *("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
                *("--set=ON_ERROR_STOP=1", f"--host={server.socket_directory}"),
                *(f"--port={server.port}", "--username=postgres", f"--dbname={database}"),
            ],
            user=USER,
            group=USER,
            extra_groups=[],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
        )

    def _pipe(self, pipe: IO[str] | None) -> IO[str]:
        if pipe is None:  # pragma: no cover - both are asked for
            raise KeeperError("no pipe to psql")
        return pipe

    def ask(self, script: str) -> list[str]:
        """Send a script and return what it printed; raises KeeperError when psql gave up."""
        pipe = self._pipe(self.process.stdin)
        pipe.write(f"{script}\n\\echo ~done~\n")
        pipe.flush()
        lines: list[str] = []
        for line in self._pipe(self.process.stdout):
            if line.strip() == "~done~":
                return lines
            if line.strip():
                lines.append(line.rstrip("\n"))
        raise KeeperError("; ".join(lines[-3:]) or "psql ended")

    def close(self) -> None:
        """End the session; its transaction is rolled back."""
        self._pipe(self.process.stdin).close()
        self.process.wait()


def _frozen(server: Server, databases: Mapping[str, list[str]], point: str) -> Figures:
    with ExitStack() as stack:
        readers: dict[str, _Session] = {}
        lockers = []
        for name, tables in databases.items():
            locker = _Session(server, name)
            stack.callback(locker.close)
            locker.ask(f"SET lock_timeout = '{LOCK_WAIT}'; BEGIN;")
            locker.ask(f"LOCK TABLE {', '.join(tables)} IN SHARE MODE;")
            lockers.append(locker)
        for name in databases:
            readers[name] = _Session(server, name)
            stack.callback(readers[name].close)
            # The first query of such a transaction takes its snapshot.
            readers[name].ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1;")
        lockers[0].ask(f"SELECT pg_create_restore_point('{point}');")
        for locker in lockers:
            locker.ask("ROLLBACK;")
        found: Figures = {}
        for name, reader in readers.items():
            found |= parsed(name, reader.ask(count_script(databases[name])))
    return found


def _archived(server: Server) -> None:
    """Close the WAL segment with the restore point and wait until it is in the archive."""
    (segment,) = server.lines("SELECT pg_walfile_name(pg_switch_wal());")
    until = time.monotonic() + ARCHIVE_S
    while time.monotonic() < until:
        # `last_archived_wal` may also be the history file of a timeline, which is shorter.
        (last,) = server.lines(
            "SELECT coalesce(last_archived_wal, '') || ' ' FROM pg_stat_archiver"
        )
        if len(last.strip()) == len(segment) and last.strip() >= segment:
            return
        time.sleep(POLL_S)
    raise KeeperError(
        f"WAL segment {segment} was not archived within {ARCHIVE_S:.0f} s: `langflow-ha-backup check` says why"
    )


def mark(server: Server, point: str) -> None:
    """Write the restore point `point` on the primary, and return when a restore to it is possible."""
    server.lines(f"SELECT pg_create_restore_point('{point}');")
    _archived(server)


def at_restore_point(server: Server, point: str) -> Figures:
    """Write the restore point `point` on the primary and return the figures that hold exactly there.

    Writers wait for as long as the locks take, at most a second a try; then it gives way to them
    and tries again. Raises KeeperError after ten tries.
    """
    databases = {
        name: tables for name in server.databases() if (tables := server.lines(TABLES, name))
    }
    if not databases:
        raise KeeperError("there is no table yet that could be compared")
    refusal = ""
    for _ in range(TRIES):
        try:
            found = _frozen(server, databases, point)
        except KeeperError as error:
            refusal = str(error)
            continue
        _archived(server)
        return found
    raise KeeperError(f"no moment without writers in {TRIES} tries: {refusal}")


def differences(claimed: Figures, restored: Figures) -> list[str]:
    """Return every table whose rows or checksum differ, in words; empty when all agree."""
    found = []
    for table in sorted(claimed.keys() | restored.keys()):
        before, after = claimed.get(table), restored.get(table)
        if before == after:
            continue
        if after is None:
            found.append(f"{table} is missing in the restore")
        elif before is None:
            found.append(f"{table} is in the restore only")
        else:
            rows = [value.partition(":")[0] for value in (before, after)]
            found.append(
                f"{table}: {rows[0]} rows claimed, {rows[1]} restored"
                if rows[0] != rows[1]
                else f"{table}: {rows[0]} rows, other content"
            )
    return found
