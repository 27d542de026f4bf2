"""The writer that runs on a database node: commits a row after another wherever PostgreSQL takes writes.

Streamed to `python3 -u - <json>` over SSH as `node_watch.py` is, with psycopg2 (Patroni has it) and the
local socket. Prints one JSON line per commit that was acknowledged: begin and end on the node's clock as
it was at the start (seconds since the epoch), and the row's id.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import sys
import threading
import time
import uuid
from typing import Any

CLOCK_S = time.time() - time.monotonic()
LIFETIME_S = 3600
"""A writer that lost its controller ends by itself."""


def primary(psycopg2: Any, create: str) -> Any:
    """Return a connection to this node's server with the table made, None when it takes no writes."""
    connection = psycopg2.connect(
        host="/var/run/postgresql", dbname="postgres", user="postgres", connect_timeout=2
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("select pg_is_in_recovery()")
        if cursor.fetchone()[0]:
            connection.close()
            return None
        cursor.execute(create)
    return connection


def main() -> None:
    """Write at a fixed rate until the link breaks or `LIFETIME_S` is over."""
    import psycopg2  # type: ignore[import-not-found,import-untyped,unused-ignore]

    options = json.loads(sys.argv[1])
    entry = pwd.getpwnam("postgres")
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    threading.Timer(LIFETIME_S, os._exit, [0]).start()
    connection: Any = None
    while True:
        began = time.monotonic()
        row = str(uuid.uuid4())
        try:
            connection = connection or primary(psycopg2, options["create"])
            if connection:
                with connection.cursor() as cursor:
                    cursor.execute(options["insert"], [row])
                commit = {"start": CLOCK_S + began, "end": CLOCK_S + time.monotonic(), "id": row}
                os.write(1, (json.dumps(commit) + "\n").encode())
        except psycopg2.Error:
            with contextlib.suppress(Exception):
                connection.close()
            connection = None
        time.sleep(max(0.0, options["interval_s"] - (time.monotonic() - began)))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)
