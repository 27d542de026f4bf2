"""LangFlow's tables `trace` (a row per finished run) and `job` (background runs).

`trace` has no index by time, and the kit adds none: LangFlow compares indexes with its models at every start and
refuses to run when they differ. So a look reads the table once, and its cost grows with it; `decide.py` takes looks apart
accordingly, and the server ends one that takes too long. The connection cannot write.
"""

from __future__ import annotations

from langflow_ha.exporter.model import Look, Pending, Question, Run
from langflow_ha.node.clock import Clock
from langflow_ha.node.database import Connection

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
    """Answers the questions about the two tables. For one thread."""

    def __init__(self, url: str, timeout: float, most_runs: int, clock: Clock) -> None:
        self._connection = Connection(
            url, timeout, default_transaction_read_only="on", timezone="UTC"
        )
        self._most_runs = most_runs
        self._clock = clock

    def look(self, question: Question) -> Look:
        """Answer a question; never raises."""
        began = self._clock()
        try:
            with self._connection.cursor() as cursor:
                began = self._clock()  # to connect costs the tables nothing
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
        except OSError as error:
            return Look(began, self._clock() - began, error=str(error))
        full = len(runs) >= self._most_runs
        return Look(began, self._clock() - began, "", now, runs, full, pending)
