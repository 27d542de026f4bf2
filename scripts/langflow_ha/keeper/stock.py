"""What the target holds, asked of both repositories, and the files that tell others of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from langflow_ha.keeper import decide, metrics
from langflow_ha.keeper.config import Config
from langflow_ha.keeper.model import Backup, Inventory, KeeperError, Kind
from langflow_ha.keeper.postgres import is_primary, live
from langflow_ha.keeper.repository import Repository, backups
from langflow_ha.keeper.shell import Run
from langflow_ha.keeper.snapshots import Snapshots
from langflow_ha.node.files import write_atomically

STATUS = "status.json"
PROOF = "proof.json"
DAMAGE = "damage.json"


class Stock:
    """Both repositories of the target, as one."""

    def __init__(self, config: Config, run: Run) -> None:
        self.config = config
        self.run = run
        self.repository = Repository(config.database, run)
        self.snapshots = Snapshots(config, run)

    def inventory(self) -> Inventory:
        """Return all backups; what cannot be read is a problem, not an exception."""
        found: list[Backup] = []
        problems: list[str] = []
        sources: list[tuple[set[Kind], Callable[[], list[Backup]]]] = [
            ({Kind.DATABASE}, lambda: backups(self.repository.info())),
            ({Kind.FILES, Kind.FLOWS, Kind.CONFIG}, self.snapshots.saved),
        ]
        for kinds, ask in sources:
            if not kinds & self.config.limits.keys():
                continue
            try:
                found += ask()
            except KeeperError as error:
                problems.append(str(error))
        try:
            problems += [] if problems else self._missing_wal(found)
        except KeeperError as error:
            problems.append(str(error))
        problems += self.known_damage()
        return Inventory(time.time(), tuple(found), tuple(problems))

    def _missing_wal(self, found: list[Backup]) -> list[str]:
        """Return what the newest full backup and all after it lack of WAL."""
        full = [b for b in found if b.kind is Kind.DATABASE and b.type == "full"]
        if not full:
            return []
        newest = max(full, key=lambda backup: backup.at)
        missing = decide.gaps(self.repository.wal(), newest.wal_start)
        return [f"missing in the archive: {', '.join(missing)}"] if missing else []

    def known_damage(self) -> list[str]:
        """Return what the last full reading of the target found."""
        file = self.config.work / DAMAGE
        found = json.loads(file.read_text("utf-8")) if file.exists() else []
        return [str(line) for line in found]

    def read_everything(self) -> list[str]:
        """Read and check every byte of the target, remember and return what is damaged."""
        found = self.repository.verify() + self.snapshots.verify()
        write_atomically(self.config.work / DAMAGE, json.dumps(found))
        return found

    def archive(self) -> metrics.Archive | None:
        """Return how the primary's archiver fares; None on a standby."""
        if not is_primary(self.config.database):
            return None
        server = live(self.config.database, self.run)
        (failing,) = server.lines(
            "SELECT (last_failed_time IS NOT NULL AND last_failed_time > coalesce(last_archived_time, '-infinity'))::int "
            "FROM pg_stat_archiver"
        )
        ready = Path(self.config.database.data_directory, "pg_wal", "archive_status")
        return metrics.Archive(failing == "1", sum(1 for _ in ready.glob("*.ready")))

    def tell(self) -> dict[str, Any]:
        """Write the metrics and the file for `status`; return what the latter holds."""
        inventory = self.inventory()
        states = decide.states(inventory, self.config.limits)
        proof = self.config.work / PROOF
        figures: dict[str, Any] = json.loads(proof.read_text("utf-8")) if proof.exists() else {}
        told = {
            "at": inventory.at,
            "states": [asdict(state) for state in states],
            "problems": list(inventory.problems),
            "complaints": decide.complaints(states, inventory.at),
            "backups": [asdict(backup) for backup in inventory.backups],
            "proof": figures,
        }
        write_atomically(self.config.work / STATUS, json.dumps(told))
        if self.config.textfile_directory:
            readable = not inventory.problems or bool(inventory.backups)
            numbers = {k: float(v) for k, v in figures.get("metrics", {}).items()}
            samples = metrics.samples(
                states, readable, len(inventory.problems), self.archive(), numbers
            )
            path = Path(self.config.textfile_directory, "langflow_ha_backup.prom")
            write_atomically(path, metrics.rendered(samples))
        return told
