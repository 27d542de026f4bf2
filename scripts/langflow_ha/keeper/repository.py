"""The database's backups: a thin layer over pgBackRest, which runs as postgres."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langflow_ha.keeper.config import Database
from langflow_ha.keeper.model import Backup, KeeperError, Kind
from langflow_ha.keeper.shell import Done, Run

USER = "postgres"
EMPTY = (1, 2, 3)
"""pgBackRest's codes for a stanza without a backup, which is no error: no path, no valid backup, no data."""
UNMADE = (1, 3)
"""Those of them for one that has to be made."""
BUSY = 50
"""pgBackRest's exit code for a lock that another process holds."""
TRIES, TRY_S = 30, 2.0
CIPHER_SIGNS = ("CryptoError", "cipher header", "unable to flush", "bad decrypt")
"""What pgBackRest says when the passphrase does not open a file."""


def explained(done: Done, doing: str) -> KeeperError:
    """Return the error of a pgBackRest run, with the mend where the cause is known."""
    text = done.reason
    if any(sign in done.error + done.out for sign in CIPHER_SIGNS):
        return KeeperError(
            f"{doing}: the passphrase does not open the repository, or the file is damaged. "
            "Give the secret_backup_passphrase that the backups were made with "
            f"(pgBackRest: {text})"
        )
    if "does not match expected checksum" in text:
        return KeeperError(
            f"{doing}: the backup is damaged. Choose an earlier one (restore_backup), and make a full backup "
            f"(pgBackRest: {text})"
        )
    if "No space left" in text:
        return KeeperError(
            f"{doing}: the target is full. Free space there, or keep fewer backups "
            f"(backup_retention_full); earlier backups are intact (pgBackRest: {text})"
        )
    if "do not match the database" in text or "ArchiveMismatch" in text:
        return KeeperError(
            f"{doing}: the repository belongs to another database cluster. To bring that one back, run "
            "playbooks/restore.yml; to start anew beside it, choose another backup_directory or bucket "
            f"(pgBackRest: {text})"
        )
    return KeeperError(f"{doing}: {text}")


def backups(info: Sequence[Mapping[str, Any]]) -> list[Backup]:
    """Return the backups in `pgbackrest info --output=json`, oldest first; those with errors are none."""
    found = []
    for stanza in info:
        versions = {db["id"]: str(db["version"]) for db in stanza.get("db", [])}
        for raw in stanza.get("backup", []):
            if raw.get("error"):
                continue
            start, stop = raw["timestamp"]["start"], raw["timestamp"]["stop"]
            found.append(
                Backup(
                    kind=Kind.DATABASE,
                    label=str(raw["label"]),
                    at=float(stop),
                    size=int(raw["info"]["size"]),
                    stored=int(raw["info"]["repository"].get("delta", 0)),
                    type=str(raw["type"]),
                    seconds=float(stop - start),
                    wal_start=str(raw["archive"]["start"] or ""),
                    wal_stop=str(raw["archive"]["stop"] or ""),
                    lsn_stop=str(raw.get("lsn", {}).get("stop", "")),
                    database=versions.get(raw["database"]["id"], ""),
                    notes={str(k): str(v) for k, v in raw.get("annotation", {}).items()},
                )
            )
    return sorted(found, key=lambda backup: backup.at)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a recovery stops. `type` "default": at the end of the archive."""

    type: str = "default"
    value: str = ""

    @property
    def options(self) -> list[str]:
        """Options of `pgbackrest restore`: promote at the target, so that the new timeline forks there."""
        if self.type == "default":
            return ["--type=default"]
        if self.type == "immediate":
            return ["--type=immediate", "--target-action=promote"]
        return [f"--type={self.type}", f"--target={self.value}", "--target-action=promote"]


class Repository:
    """The repository of one stanza."""

    def __init__(self, database: Database, run: Run) -> None:
        self.database = database
        self._run = run

    def call(self, command: str, *options: str) -> Done:
        """Run one command of pgBackRest; an exit code is no exception."""
        stanza = f"--stanza={self.database.stanza}"
        return self._run(["pgbackrest", stanza, command, *options], user=USER)

    def demand(self, doing: str, command: str, *options: str) -> str:
        """Run one command and return its output; raises KeeperError with the reason."""
        done = self.call(command, *options)
        if done.code:
            raise explained(done, doing)
        return done.out

    def info(self) -> list[dict[str, Any]]:
        """Return what the repository says of itself; raises KeeperError when it cannot be read."""
        text = self.demand("reading the repository", "info", "--output=json")
        try:
            # What a wrong passphrase makes of a file is quoted as it is, control characters included.
            parsed: list[dict[str, Any]] = json.loads(text, strict=False)
        except ValueError:
            raise explained(Done(1, "", CIPHER_SIGNS[0]), "reading the repository") from None
        for stanza in parsed:
            status = stanza.get("status", {})
            if status.get("code", 0) not in (0, *EMPTY):
                detail = "; ".join(
                    f"{repo['status'].get('message', '')}" for repo in stanza.get("repo", [])
                )
                raise explained(
                    Done(1, "", detail or str(status.get("message", ""))), "reading the repository"
                )
        return parsed

    def create(self) -> None:
        """Make the stanza. The archiver, which fails until it is there, holds the same lock now and then."""
        done = Done(BUSY, "", "")
        for _ in range(TRIES):
            done = self.call("stanza-create")
            if done.code != BUSY:
                break
            time.sleep(TRY_S)
        if done.code:
            raise explained(done, "making the repository of the database")

    def refuse_foreign(self, info: Sequence[Mapping[str, Any]], system: int) -> None:
        """Raise KeeperError unless the newest database in the repository is the one with this system identifier."""
        known = [db["system-id"] for stanza in info for db in stanza.get("db", [])]
        if known and known[-1] != system:
            raise explained(
                Done(1, "", f"ERROR: {known[-1]} and {system} do not match the database"),
                "opening the repository of the database",
            )

    def wal(self) -> list[str]:
        """Return the names of all WAL segments in the archive, sorted."""
        text = self.demand(
            "listing the archive",
            "repo-ls",
            "--output=json",
            "--recurse",
            f"archive/{self.database.stanza}",
        )
        names = (path.rpartition("/")[2] for path in json.loads(text))
        return sorted({name[:24] for name in names if _is_segment(name)})

    def verify(self) -> list[str]:
        """Read everything in the repository and return what is damaged; takes long."""
        text = self.demand("verifying the repository", "verify", "--output=text", "--verbose")
        return damages(text)


def _is_segment(name: str) -> bool:
    """Tell whether a file of the archive is a whole WAL segment: 24 digits, a dash, its checksum."""
    return len(name) > 24 and name[24] == "-" and all(c in "0123456789ABCDEF" for c in name[:24])


def damages(report: str) -> list[str]:
    """Return the lines of `pgbackrest verify --verbose` that count something that is not valid."""
    found = []
    section = ""
    for line in report.splitlines():
        text = line.strip()
        if text.startswith(("stanza:", "status:")):
            continue
        if text.startswith(("archiveId:", "backup:")):
            section = text.partition(",")[0]
        pieces = text.partition(":")[2] if text.startswith(("archiveId", "backup")) else text
        for piece in pieces.split(","):
            name, _, count = piece.rpartition(":")
            name = name.strip()
            if count.strip().isdigit() and int(count) and name in BAD_COUNTS:
                found.append(f"{section}: {name}: {count.strip()}")
        if section.startswith("backup") and "status: invalid" in text:
            found.append(f"{section}: invalid")
    return found


BAD_COUNTS = ("missing", "checksum invalid", "size invalid", "other")
