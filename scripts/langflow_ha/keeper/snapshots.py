"""Backups of files, flows and configuration: a thin layer over restic (encrypted, deduplicated, checked)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from langflow_ha.keeper.config import Config
from langflow_ha.keeper.model import Backup, KeeperError, Kind
from langflow_ha.keeper.shell import Done, Run

NO_REPOSITORY = 10
LOCKED = 11
WRONG_PASSWORD = 12
"""Exit codes of restic (its manual, "Scripting")."""


def explained(done: Done, doing: str) -> KeeperError:
    """Return the error of a restic run, with the mend where the cause is known."""
    if done.code == WRONG_PASSWORD:
        return KeeperError(
            f"{doing}: the passphrase does not open the repository; give the secret_backup_passphrase "
            "that the backups were made with"
        )
    if done.code == NO_REPOSITORY:
        return KeeperError(f"{doing}: there is no repository in the target yet; run site.yml")
    text = done.reason
    if "no space left" in text.lower():
        return KeeperError(
            f"{doing}: the target is full. Free space there, or keep fewer backups "
            f"(backup_retention_days); earlier backups are intact (restic: {text})"
        )
    return KeeperError(f"{doing}: {text}")


def backups(raw: Sequence[Mapping[str, Any]]) -> list[Backup]:
    """Return the snapshots in `restic snapshots --json`, oldest first; those of no kind are left out."""
    found = []
    for snapshot in raw:
        kinds = [tag for tag in snapshot.get("tags") or [] if tag in list(Kind)]
        if not kinds:
            continue
        summary = snapshot.get("summary") or {}
        begun, ended = summary.get("backup_start"), summary.get("backup_end")
        at = _seconds(str(ended or snapshot["time"]))
        found.append(
            Backup(
                kind=Kind(kinds[0]),
                label=str(snapshot["short_id"]),
                at=at,
                size=int(summary.get("total_bytes_processed", 0)),
                stored=int(summary.get("data_added_packed", 0)),
                seconds=at - _seconds(str(begun)) if begun else 0.0,
            )
        )
    return sorted(found, key=lambda backup: backup.at)


def _seconds(text: str) -> float:
    """Return restic's time (RFC 3339, nanoseconds) as seconds since the epoch."""
    head, dot, tail = text.partition(".")
    if dot:
        digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
        text = f"{head}.{digits[:6]:0<6}{tail[len(digits) :]}"
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Snapshots:
    """The restic repository in the target."""

    def __init__(self, config: Config, run: Run) -> None:
        self.config = config
        self._run = run

    @property
    def _environment(self) -> dict[str, str]:
        store = self.config.target_store
        values = {
            "RESTIC_PASSWORD_FILE": self.config.passphrase_file,
            "RESTIC_CACHE_DIR": str(self.config.work / "cache"),
            "RESTIC_REPOSITORY": f"{self.config.target_directory}/restic",
        }
        if store:
            values |= {
                "RESTIC_REPOSITORY": f"s3:{store.endpoint}/{store.bucket}/restic",
                "AWS_ACCESS_KEY_ID": store.access_key,
                "AWS_SECRET_ACCESS_KEY": store.secret_key,
                "AWS_DEFAULT_REGION": store.region,
            }
            if store.ca_file:
                values["RESTIC_CACERT"] = store.ca_file
        return values

    def call(self, *arguments: str) -> Done:
        """Run one command of restic; an exit code is no exception."""
        # A lock that a killed run left behind is stale after half an hour; wait for a living one only so long.
        return self._run(["restic", "--retry-lock=5m", *arguments], environment=self._environment)

    def demand(self, doing: str, *arguments: str) -> str:
        """Run one command and return its output; raises KeeperError with the reason."""
        done = self.call(*arguments)
        if done.code:
            raise explained(done, doing)
        return done.out

    def ensure(self, *, create: bool) -> bool:
        """Return whether the repository had to be made, or would have to; raises KeeperError when it does not open."""
        done = self.call("cat", "config")
        if done.code == 0:
            return False
        if done.code != NO_REPOSITORY:
            raise explained(done, "opening the repository of files")
        if create:
            self.demand("making the repository of files", "init")
        return True

    def saved(self) -> list[Backup]:
        """Return all snapshots of known kinds."""
        return backups(json.loads(self.demand("listing snapshots", "snapshots", "--json")))

    def save(self, kind: Kind, path: Path) -> None:
        """Take a snapshot of a directory and let those go that the retention does not keep."""
        tag, host = f"--tag={kind}", f"--host={self.config.site}"
        self.demand(f"saving {path}", "backup", "--quiet", tag, host, str(path))
        keep = self.config.retention
        self.demand(
            "thinning out old snapshots",
            *("forget", "--quiet", "--prune", tag, "--group-by=tags"),
            *(f"--keep-daily={keep.days}", f"--keep-weekly={keep.weeks}"),
            *(f"--keep-monthly={keep.months}", "--keep-within=2d"),
        )

    def restore(self, label: str, path: Path, into: Path, *, exact: bool = False) -> None:
        """Write the snapshot of `path` to `into`, each file verified; `exact` removes what it lacks."""
        more = ["--delete"] if exact else []
        self.demand(
            f"restoring snapshot {label}",
            *("restore", "--quiet", f"{label}:{path}", f"--target={into}", "--verify", *more),
        )

    def verify(self) -> list[str]:
        """Read and check everything in the repository; return what is damaged. Takes long."""
        done = self.call("check", "--read-data", "--quiet")
        return [f"snapshots: {done.reason}"] if done.code else []
