"""One connection to LangFlow's database, for daemons that ask it again and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Connection:
    """Made when it is needed, and anew after any trouble. For one thread."""

    def __init__(self, url: str, timeout: float, **settings: str) -> None:
        """`timeout`: seconds for a statement, and for a lock it waits for. `settings`: more of PostgreSQL's, for the session."""
        milliseconds = str(round(1000 * timeout))
        settings = {"statement_timeout": milliseconds, "lock_timeout": milliseconds, **settings}
        self._url = url
        self._options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._connection: Any = None

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """Give a cursor; any trouble ends the connection, and is an OSError with the server's words in one line."""
        # A distribution package, which the controller need not have.
        import psycopg2  # type: ignore[import-untyped,unused-ignore]

        try:
            if self._connection is None:
                self._connection = psycopg2.connect(self._url, options=self._options)
                self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                yield cursor
        except (psycopg2.Error, OSError) as error:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(psycopg2.Error):  # it is gone either way
                    connection.close()
            raise OSError(" ".join(str(error).split()) or type(error).__name__) from error
