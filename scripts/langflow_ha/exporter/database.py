"""LangFlow's tables `trace` (a row per finished run) and `job` (background runs).

`trace` has no index by time, and the kit adds none: LangFlow compares indexes with its models at every start and
refuses to run when they differ. So a look reads the table once, and its cost grows with it; `decide.py` takes looks apart
accordingly, and the server ends one that takes too long. The connection cannot write.
"""

from __future__ import annotations

from typing import Any

from langflow_ha.exporter.model import Look, Pending, Question, Run
from langflow_ha.node.clock import Clock

MOST_PENDING = 1000
NAME = 64
"""Characters of a flow's name that are shown."""

# Old releases wrote the status in capitals.
_RUNS = f"""
SELECT t.id::text, t.flow_id::text, coalesce(left(f.name, {NAME}), ''), extract(epoch FROM t.end_time)::float8,
  t.total_latency_ms / 1000.0::float8, lower(t.status::text) = 'ok', coalesce(t.total_tokens, 0)
FROM trace t LEFT JOIN flow f ON f.id = t.flow_id
WHERE t.end_time >= to_timestamp(%s) AT TIME ZONE 'UTC'
ORDER BY t.end_time LIMIT %s
"""  # noqa: S608 - constants
_PENDING = f"""
SELECT j.flow_id::text, coalesce(left(f.name, {NAME}), ''),
  CASE j.status::text WHEN 'queued' THEN 'queued' ELSE 'running' END, count(*),
  extract(epoch FROM clock_timestamp() - min(j.created_timestamp))::float8
FROM job j LEFT JOIN flow f ON f.id = j.flow_id
WHERE j.status IN ('queued', 'in_progress') AND j.type = 'workflow'
GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT {MOST_PENDING}
"""  # noqa: S608 - constants
_THERE = """
SELECT to_regclass('trace') IS NOT NULL AND to_regclass('job') IS NOT NULL,
  extract(epoch FROM clock_timestamp())::float8
"""


class Database:
    """One connection, made anew after any trouble. For one thread."""

    def __init__(self, url: str, timeout: float, most_runs: int, clock: Clock) -> None:
        self._url = url
        self._timeout = timeout
        self._most_runs = most_runs
        self._clock = clock
        self._connection: Any = None

    def look(self, question: Question) -> Look:
        """Answer a question; never raises."""
        import psycopg2  # type: ignore[import-untyped,unused-ignore]

        began = self._clock()
        try:
            if self._connection is None:
                self._connection = self._connect(psycopg2)
                began = self._clock()  # to connect costs the tables nothing
            with self._connection.cursor() as cursor:
                cursor.execute(_THERE)
                there, now = cursor.fetchone()
                runs: tuple[Run, ...] = ()
                pending: tuple[Pending, ...] = ()
                if there and question.since is not None:
                    cursor.execute(_RUNS, (question.since, self._most_runs))
                    runs = tuple(Run(*row) for row in cursor.fetchall())
                if there:
                    cursor.execute(_PENDING)
                    pending = tuple(Pending(*row) for row in cursor.fetchall())
        except (psycopg2.Error, OSError) as error:
            self._close(psycopg2)
            words = " ".join(str(error).split())
            return Look(began, self._clock() - began, error=words or type(error).__name__)
        full = len(runs) >= self._most_runs
        return Look(began, self._clock() - began, "", now, runs, full, pending)

    def _connect(self, psycopg2: Any) -> Any:
        milliseconds = round(1000 * self._timeout)
        options = (
            f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} "
            "-c default_transaction_read_only=on -c timezone=UTC"
        )
        connection = psycopg2.connect(self._url, options=options)
        connection.autocommit = True
        return connection

    def _close(self, psycopg2: Any) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except psycopg2.Error:  # it is gone either way
                return
