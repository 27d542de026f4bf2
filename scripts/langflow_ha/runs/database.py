"""LangFlow's table `job`: which runs are queued, and who accepted each.

A trigger of the kit's adds two things to a background run's free-form `job_metadata` that LangFlow 1.13 leaves out:

- On INSERT, who accepted it. LangFlow writes an owner into a row only when the run starts, so nothing in its
  database says which process has a queued one. The trigger copies the connection's `application_name`, which the
  unit `langflow.service` sets to `langflow/<start of the unit>/<node>`.
- On the step from `queued` to `in_progress`, a first heartbeat. LangFlow writes its own in another transaction
  (langflow/services/background_execution/runner.py, `run`), and a row under execution without one counts as lost: any
  node's watchdog that looks in between fails a run that has just begun. Seen in a drill, once in some fifty runs.

It never makes a statement fail, and its definition names no column, so it is in the way of no migration.
"""

from __future__ import annotations

from typing import Any

from langflow_ha.node.database import Connection
from langflow_ha.runs.model import Queued

NAME = "langflow_ha_job"
"""Of the trigger and of its function."""
KEY = "langflow_ha_accepted_by"
VERSION = "1"
"""To be raised with every change of `_MARK`: it is how an older trigger is told from this one."""
MOST_RUNS = 5000

_MARK = f"""
CREATE OR REPLACE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF NOT coalesce(NEW.job_metadata::jsonb ? 'request', false) THEN
    RETURN NEW;
  END IF;
  IF TG_OP = 'INSERT' AND NEW.status = 'queued' THEN
    NEW.job_metadata := NEW.job_metadata::jsonb
      || jsonb_build_object('{KEY}', current_setting('application_name'));
  ELSIF TG_OP = 'UPDATE' AND OLD.status = 'queued' AND NEW.status = 'in_progress' THEN
    NEW.job_metadata := NEW.job_metadata::jsonb || jsonb_build_object('heartbeat_at',
      to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'));
  END IF;
  RETURN NEW;
EXCEPTION WHEN OTHERS THEN
  RETURN NEW;
END $body$;
CREATE OR REPLACE TRIGGER {NAME} BEFORE INSERT OR UPDATE ON job FOR EACH ROW EXECUTE FUNCTION {NAME}();
COMMENT ON TRIGGER {NAME} ON job IS '{VERSION}';
"""
# One at a time: CREATE OR REPLACE on two nodes at once fails on one of them.
_ONE_AT_A_TIME = f"SELECT pg_advisory_xact_lock(hashtext('{NAME}'))"
_MARKED = f"""
SELECT pg_is_in_recovery(), to_regclass('job') IS NOT NULL,
  (SELECT obj_description(oid, 'pg_trigger') FROM pg_trigger
   WHERE tgname = '{NAME}' AND tgrelid = to_regclass('job'))
"""  # noqa: S608 - constants
_QUEUED = f"""
SELECT job_id::text, coalesce(user_id::text, ''), coalesce(job_metadata::jsonb ->> '{KEY}', ''),
  job_metadata::jsonb ? 'owner'
FROM job
WHERE status = 'queued' AND type = 'workflow' AND job_metadata::jsonb ? 'request'
ORDER BY created_timestamp LIMIT {MOST_RUNS}
"""  # noqa: S608 - constants


class Database:
    """Reads the queue, and sees to the trigger. For one thread."""

    def __init__(self, url: str, timeout: float) -> None:
        self._connection = Connection(url, timeout)

    def queued(self) -> tuple[Queued, ...]:
        """Return the queued background runs, oldest first, and see to the trigger.

        Raises OSError with the server's words.
        """
        with self._connection.cursor() as cursor:
            cursor.execute(_MARKED)
            standby, there, mark = cursor.fetchone()
            if standby:
                raise OSError("it is a standby")
            if not there:
                return ()
            if mark != VERSION:
                self._mark(cursor)
            cursor.execute(_QUEUED)
            return tuple(Queued(*row) for row in cursor.fetchall())

    def _mark(self, cursor: Any) -> None:
        cursor.execute("BEGIN")
        cursor.execute(_ONE_AT_A_TIME)
        cursor.execute(_MARK)
        cursor.execute("COMMIT")
