#!/usr/bin/env python3
"""Let a record of a run that LangFlow sends a second time be no error.

LangFlow (1.12, 1.13: ``services/telemetry_writer/service.py``) collects what its flows did and sends a batch again, with the same
ids, after any error. When the connection broke behind the COMMIT, as a failover of the database does it, the rows are there: the
database refuses the batch as duplicates, from then on for ever. No run is recorded any more, and the process does not end when
it is told to, until systemd kills it (seen: over five minutes, and it ended when this was made). So a trigger leaves out what is there already.

The tables are LangFlow's, made by its migrations: so this runs behind every start, and changes something only where a trigger is
missing. Exit codes: 0 all is as it should be, 1 the database refused or did not answer (with its words; the next start tries again).
"""

import os
import sys

TABLES = ("transaction", "vertex_build")
NAME = "langflow_ha_known_rows"
# Whoever starts at the same moment does not try the same; the number is the kit's own, and of no meaning.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(7860001)"
MISSING = """
SELECT t.relname, k.attname
FROM pg_class t
JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary AND i.indnkeyatts = 1
JOIN pg_attribute k ON k.attrelid = t.oid AND k.attnum = i.indkey[0]
WHERE t.oid IN (SELECT to_regclass(quote_ident(name)) FROM unnest(%s) AS name)
  AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t.oid AND tgname = %s)
"""
FUNCTION = """
CREATE OR REPLACE FUNCTION langflow_ha_known_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE known boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I = ($1).%I)', TG_RELID::regclass, TG_ARGV[0], TG_ARGV[0])
        INTO known USING NEW;
    IF known THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$
"""
TRIGGER = """CREATE TRIGGER {name} BEFORE INSERT ON "{table}" FOR EACH ROW EXECUTE FUNCTION {name}('{key}')"""


def mend(url: str) -> list[str]:
    """Make what is missing; returns the names of the tables that got a trigger.

    Waits 3 s at most for a table: whoever writes to it then goes first. Raises OSError with the database's words.
    """
    import psycopg2  # type: ignore[import-untyped,unused-ignore]

    try:
        connection = psycopg2.connect(
            url, options="-c statement_timeout=10000 -c lock_timeout=3000"
        )
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(ONE_AT_A_TIME)
                cursor.execute(MISSING, (list(TABLES), NAME))
                missing = [(str(table), str(key)) for table, key in cursor.fetchall()]
                if missing:
                    cursor.execute(FUNCTION)
                for table, key in missing:
                    cursor.execute(TRIGGER.format(name=NAME, table=table, key=key))
                return [table for table, _ in missing]
        finally:
            connection.close()
    except psycopg2.Error as error:
        raise OSError(" ".join(str(error).split())) from error


def main() -> int:
    """Mend, and say what was done."""
    try:
        mended = mend(os.environ["LANGFLOW_DATABASE_URL"])
    except OSError as error:
        print(f"langflow_known_rows: {error}; the next start tries again", file=sys.stderr)
        return 1
    if mended:
        print(
            f"langflow_known_rows: rows that come twice are left out of {', '.join(mended)} from now on"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
