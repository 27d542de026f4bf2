"""Clients of a cluster that has databases and no LangFlow: rows, committed wherever PostgreSQL takes writes.

On every database node a writer commits over the local socket as soon as its server is the primary, so what
is measured is the database's own failover: the way from a client to the primary is no part of it.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import time
from collections.abc import Iterable, Sequence
from importlib.resources import files

from langflow_ha.drill import tasks
from langflow_ha.drill.backlog import Backlog
from langflow_ha.drill.model import Acknowledged, BackgroundRun, Hook, Request
from langflow_ha.status.remote import Remote, RemoteError
from langflow_ha.status.site import Node, Site

INTERVAL_S = 0.5
TABLE = "langflow_ha_drill"
CREATE = f"create table if not exists {TABLE} (id uuid primary key)"
INSERT = f"insert into {TABLE} (id) values (%s)"  # noqa: S608 - the name is a constant
ALL_ROWS = f"select id from {TABLE} where not pg_is_in_recovery()"  # noqa: S608


class DatabaseLoad:
    """`Clients` of the database alone; only successes are seen, so there is no failed request."""

    def __init__(self, site: Site, remote: Remote) -> None:
        self.requests: list[Request] = []
        self.acknowledged: list[Acknowledged] = []
        self.runs: list[BackgroundRun] = []
        self.hooks: list[Hook] = []
        self._remote = remote
        self._nodes = [node for node in site.nodes if "postgresql" in node.groups]
        self._tasks: list[asyncio.Task[None]] = []
        self._source = files("langflow_ha.drill").joinpath("node_writer.py").read_text("utf-8")

    def start(self, classes: Iterable[str]) -> None:
        """See `Clients.start`."""
        for cls in classes:
            self._tasks += [asyncio.create_task(self._write(cls, node)) for node in self._nodes]

    async def stop(self) -> float:
        """See `Clients.stop`."""
        ended = time.time()
        await tasks.end(self._tasks)
        return ended

    async def _write(self, cls: str, node: Node) -> None:
        options = json.dumps({"create": CREATE, "insert": INSERT, "interval_s": INTERVAL_S})
        command = f"python3 -u - {shlex.quote(options)}"
        while True:
            try:
                async for line in self._remote.stream(node, command, self._source):
                    if commit := parse(line):
                        row, start, end = commit
                        self.requests.append(Request(cls, start, end, True, server=node.name))
                        self.acknowledged.append(Acknowledged("row", row, end, row))
            except (OSError, RemoteError):
                pass
            await asyncio.sleep(1)

    async def missing(self) -> list[Acknowledged]:
        """See `Clients.missing`: what the primary does not have. Raises RemoteError when there is none."""
        rows = await self._primary(ALL_ROWS)
        return [write for write in self.acknowledged if write.id not in rows]

    async def clean(self, writes: list[Acknowledged]) -> None:
        """See `Clients.clean`."""
        if writes:
            await self._primary(f"drop table {TABLE}")

    def backlog(self, site: Site, remote: Remote) -> Backlog:
        """See `Clients.backlog`: there are no runs."""
        return Backlog()

    async def settle(self, runs: Sequence[BackgroundRun], seconds: float) -> None:
        """See `Clients.settle`: nothing is ever open."""

    async def _primary(self, statement: str) -> frozenset[str]:
        """Run a statement on the node where it succeeds; a standby has no rows and drops nothing."""
        asked = shlex.quote(statement)
        command = f"cd / && runuser -u postgres -- psql -XAtqc {asked} postgres"
        trouble = "no database node"
        for node in self._nodes:
            try:
                done = await self._remote.run(node, command)
            except RemoteError as error:
                trouble = str(error)
                continue
            if done.code == 0 and (done.stdout or not statement.startswith("select")):
                return frozenset(done.stdout.split())
            trouble = f"{node.name}: {done.stderr.strip() or 'a standby'}"
        raise RemoteError(f"no primary answers: {trouble}")


def parse(line: str) -> tuple[str, float, float] | None:
    """Return id, begin and end of the commit in one line, None for anything else that a login may print."""
    try:
        values = json.loads(line)
        return str(values["id"]), float(values["start"]), float(values["end"])
    except (ValueError, KeyError, TypeError):
        return None
