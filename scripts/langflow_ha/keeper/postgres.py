"""Asking a database, and running a second server beside Patroni's on files that were restored."""

from __future__ import annotations

import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from langflow_ha.keeper.config import Database
from langflow_ha.keeper.model import KeeperError
from langflow_ha.keeper.repository import USER, Repository, Target
from langflow_ha.keeper.shell import Done, Run

PATRONI_S = 5
RECOVERY_S = 3600.0
POLL_S = 0.5
NOT_YET = "not accepting connections"
HBA = "pg_hba.scratch.conf"
RECOVERY = re.compile(
    r"\s*(restore_command|recovery_target\w*|recovery_end_command|archive_mode)\b"
)


def is_primary(database: Database) -> bool:
    """Ask Patroni, the one authority, whether this node's server is the primary; no answer is a no."""
    context = ssl.create_default_context(cafile=database.ca_file)
    context.load_cert_chain(database.certificate, database.key)
    try:
        url = f"{database.patroni_url}/primary"
        with urllib.request.urlopen(url, timeout=PATRONI_S, context=context) as answer:  # noqa: S310 - https, by the role
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server that is reached by a unix socket, as its superuser."""

    socket_directory: str
    port: int
    run: Run

    def psql(self, script: str, name: str) -> Done:
        """Run a script in database `name`; stops at the first error."""
        return self.run(
            [
                *("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
                *("--set=ON_ERROR_STOP=1", f"--host={self.socket_directory}"),
                *(f"--port={self.port}", "--username=postgres", f"--dbname={name}"),
            ],
            user=USER,
            stdin=script,
        )

    def lines(self, script: str, name: str = "postgres") -> list[str]:
        """Return the output of a script, line by line; raises KeeperError with PostgreSQL's reason."""
        done = self.psql(script, name)
        if done.code:
            raise KeeperError(f"database {name}: {done.reason}")
        return [line for line in done.out.splitlines() if line]

    def databases(self) -> list[str]:
        """Return the databases that hold data: all but the templates and postgres."""
        return self.lines(
            "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1"
        )


def live(database: Database, run: Run) -> Server:
    """Return Patroni's own server on this node."""
    return Server(database.socket_directory, database.port, run)


class Scratch:
    """A server on restored files, in a directory and on a port of its own, unknown to Patroni.

    It listens on 127.0.0.1 and its own socket, archives nothing, and takes few resources.
    """

    def __init__(self, repository: Repository, directory: Path, port: int, run: Run) -> None:
        self.repository = repository
        self.directory = directory
        self.port = port
        self.socket = directory.with_name(directory.name + ".socket")
        self.log = directory.with_name(directory.name + ".log")
        self._run = run

    @property
    def server(self) -> Server:
        """The way to ask it."""
        return Server(str(self.socket), self.port, self._run)

    def prepare(self) -> None:
        """Make empty directories that belong to postgres; raises KeeperError when files are there."""
        if self.directory.exists() and any(self.directory.iterdir()):
            raise KeeperError(
                f"{self.directory} is not empty: a restore is under way there or was given up; "
                f"look at {self.log}, then remove the directory"
            )
        for path in (self.directory, self.socket):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.chown(path, USER, USER)

    def fill(self, target: Target, label: str) -> None:
        """Restore the files of backup `label` and what recovery needs to reach `target`.

        With a spool of its own: the command empties the stanza's. A segment that the running server archives meanwhile
        would never be told to be there, and its shutdown would wait `archive-timeout` for that.
        """
        self.repository.demand(
            f"restoring backup {label}",
            "restore",
            f"--pg1-path={self.directory}",
            f"--spool-path={self.socket}",
            f"--set={label}",
            "--archive-mode=off",
            *target.options,
        )

    def _start(self) -> Done:
        bin_directory = self.repository.database.bin_directory
        options = " ".join(
            [
                f"-c port={self.port}",
                "-c listen_addresses=127.0.0.1",
                f"-c unix_socket_directories={self.socket}",
                "-c archive_mode=off",
                "-c archive_command=",
                # Patroni's names are of no use here: nobody would confirm a commit.
                "-c synchronous_standby_names=",
                "-c primary_conninfo=",
                "-c primary_slot_name=",
                "-c hot_standby=off",
                "-c logging_collector=off",
                "-c shared_buffers=64MB",
                f"-c hba_file={self.directory / HBA}",
            ]
        )
        hba = self.directory / HBA
        hba.write_text(
            "local all postgres peer\nhost all all 127.0.0.1/32 scram-sha-256\n", "utf-8"
        )
        shutil.chown(hba, USER, USER)
        return self._run(
            [
                f"{bin_directory}/pg_ctl",
                *("start", "--wait", f"--timeout={RECOVERY_S:.0f}", f"--pgdata={self.directory}"),
                *(f"--log={self.log}", f"--options={options}"),
            ],
            user=USER,
            group_of=self.repository.database.key,
        )

    def recover(self) -> float:
        """Start it, wait until it has replayed everything and is open; return the seconds that took."""
        begun = time.monotonic()
        done = self._start()
        while done.code == 0 and time.monotonic() - begun < RECOVERY_S:
            if self.server.psql("SELECT 1 WHERE NOT pg_is_in_recovery()", "postgres").out.strip():
                return time.monotonic() - begun
            if not self.running():
                break
            time.sleep(POLL_S)
        raise KeeperError(f"the restored database does not open: {self._why(done)}")

    def _why(self, done: Done) -> str:
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        lines = [line.split("] ", 1)[-1].strip() for line in text.splitlines()]
        told = [
            line
            for line in lines
            if any(level in line for level in ("FATAL", "ERROR", "PANIC")) and NOT_YET not in line
        ]
        if any("before configured recovery target was reached" in line for line in told):
            told.append("the archive ends, or lacks a WAL segment, before the target")
        return "; ".join(told[-3:]) or done.reason

    def running(self) -> bool:
        """Tell whether its postmaster lives."""
        binary = f"{self.repository.database.bin_directory}/pg_ctl"
        return self._run([binary, "status", f"--pgdata={self.directory}"], user=USER).code == 0

    def stop(self) -> None:
        """Shut it down cleanly; a server that does not run is left alone."""
        if not self.running():
            return
        binary = f"{self.repository.database.bin_directory}/pg_ctl"
        done = self._run(
            [binary, "stop", "--wait", "--mode=fast", f"--pgdata={self.directory}"], user=USER
        )
        if done.code:
            raise KeeperError(f"the server on {self.directory} does not stop: {done.reason}")

    def settle(self) -> None:
        """Stop it and take off what only its recovery needed, so that Patroni can run these files.

        Left in postgresql.auto.conf, the target would end the recovery of a later standby, and
        `archive_mode = off` the archive.
        """
        self.stop()
        conf = self.directory / "postgresql.auto.conf"
        kept = [line for line in conf.read_text("utf-8").splitlines() if not RECOVERY.match(line)]
        conf.write_text("\n".join([*kept, ""]), "utf-8")
        (self.directory / HBA).unlink(missing_ok=True)
        shutil.rmtree(self.socket, ignore_errors=True)
        self.log.unlink(missing_ok=True)

    def remove(self) -> None:
        """Stop it and take its files away."""
        if self.directory.exists():
            self.stop()
        for path in (self.directory, self.socket):
            shutil.rmtree(path, ignore_errors=True)
        self.log.unlink(missing_ok=True)


@contextmanager
def cleared(scratch: Scratch) -> Iterator[Scratch]:
    """Remove the scratch server whatever happens."""
    try:
        yield scratch
    finally:
        scratch.remove()
