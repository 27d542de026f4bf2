"""Restores: what would be done, the database beside the running one, files, one flow."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from langflow_ha.keeper import decide, metrics
from langflow_ha.keeper.model import Backup, KeeperError, Kind
from langflow_ha.keeper.postgres import Scratch, live
from langflow_ha.keeper.repository import Target, backups
from langflow_ha.keeper.sources import Files, find_flow, write_flow
from langflow_ha.keeper.stock import Stock
from langflow_ha.node.files import write_atomically

STAGED = ".restored"


def parsed_time(text: str) -> float:
    """Return a moment as seconds since the epoch; refuses one without an offset from UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise KeeperError(
            f"time {text!r} is not complete: write it with its offset from UTC, as in 2026-11-24 22:10:00+00:00"
        )
    return moment.timestamp()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore of the database would do."""

    backup: Backup
    target: Target
    directory: str
    free: int
    refusals: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """Return it for Ansible."""
        return {
            "backup": asdict(self.backup),
            "target": asdict(self.target),
            "directory": self.directory,
            "free": self.free,
            "refusals": list(self.refusals),
        }


def plan(stock: Stock, target: Target, label: str) -> Plan:
    """Choose the backup and look for everything that speaks against restoring it here; changes nothing."""
    database = stock.config.database
    at = parsed_time(target.value) if target.type == "time" else None
    backup = decide.chosen(backups(stock.repository.info()), target, at, label)
    data = Path(database.data_directory)
    free = shutil.disk_usage(data.parent).free
    refusals = decide.misfits(backup, database.version, stock.config.langflow_version)
    refusals += decide.lacking(backup.size, free, str(data.parent))
    if target.type != "immediate":
        refusals += [
            f"WAL that this restore needs is missing in the archive: {missing}; restore to the end of the "
            f"backup itself (restore_type immediate), or to a time before the gap"
            for missing in decide.gaps(stock.repository.wal(), backup.wal_start)
            if target.type != "time"
        ]
    return Plan(backup, target, str(data) + STAGED, free, tuple(refusals))


def stage(stock: Stock, chosen: Plan) -> float:
    """Restore beside the running database, recover, open, close; return the seconds that took.

    Whatever cannot be restored fails here, with the cluster still at work.
    """
    if chosen.refusals:
        raise KeeperError("; ".join(chosen.refusals))
    scratch = Scratch(
        stock.repository, Path(chosen.directory), stock.config.scratch_port, stock.run
    )
    scratch.prepare()
    try:
        with metrics.stopwatch() as watch:
            scratch.fill(chosen.target, chosen.backup.label)
            scratch.recover()
    except BaseException:
        scratch.remove()
        raise
    scratch.settle()
    return watch.seconds


def snapshot_at(found: list[Backup], kind: Kind, at: float | None, label: str) -> Backup:
    """Return the snapshot `label`, or the newest one that was complete at a moment; now when None."""
    mine = [backup for backup in found if backup.kind is kind]
    if label:
        mine = [backup for backup in mine if backup.label == label]
    fitting = [backup for backup in mine if at is None or backup.at <= at]
    if not fitting:
        when = datetime.fromtimestamp(at).astimezone().isoformat(" ", "seconds") if at else ""
        which = f"called {label}" if label else f"from before {when}" if when else "at all"
        raise KeeperError(f"there is no backup of the {kind} {which}")
    return max(fitting, key=lambda backup: backup.at)


@contextmanager
def _drawer(stock: Stock, kind: Kind, label: str, path: Path) -> Iterator[Path]:
    """Hold a snapshot's files in a temporary directory."""
    directory = Path(tempfile.mkdtemp(dir=stock.config.work, prefix=f".{kind}."))
    try:
        stock.snapshots.restore(label, path, directory)
        yield directory
    finally:
        shutil.rmtree(directory)


def files(stock: Stock, at: float | None, label: str) -> dict[str, Any]:
    """Make LangFlow's files what they were; what is there now is saved as a snapshot first."""
    source = Files(stock.config, stock.run)
    chosen = snapshot_at(stock.snapshots.saved(), Kind.FILES, at, label)
    source.gather()
    stock.snapshots.save(Kind.FILES, source.directory)
    kept = snapshot_at(stock.snapshots.saved(), Kind.FILES, None, "")
    with metrics.stopwatch() as watch:
        stock.snapshots.restore(chosen.label, source.directory, source.directory, exact=True)
        source.put_back()
    return {
        "backup": asdict(chosen),
        "kept_aside": kept.label,
        "seconds": round(watch.seconds, 1),
        "bytes": chosen.size,
    }


def flow(
    stock: Stock, flow_id: str, at: float | None, label: str, *, write: bool
) -> dict[str, Any]:
    """Put one flow back as it was; the one that it replaces is kept as a file."""
    config = stock.config
    directory = config.work / "flows"
    chosen = snapshot_at(stock.snapshots.saved(), Kind.FLOWS, at, label)
    with _drawer(stock, Kind.FLOWS, chosen.label, directory) as drawer:
        wanted = find_flow(drawer, flow_id)
    server = live(config.database, stock.run)
    there = server.lines(
        f"SELECT to_jsonb(f) FROM flow f WHERE id = '{flow_id}'",  # noqa: S608 - a UUID, read strictly
        config.database.application,
    )
    told = {"backup": asdict(chosen), "name": wanted["name"], "replaces": bool(there)}
    if not write:
        return told
    if there:
        aside = config.work / "replaced"
        aside.mkdir(mode=0o700, exist_ok=True)
        kept = aside / f"{wanted['id']}-{datetime.now().astimezone():%Y%m%dT%H%M%S}.json"
        text = json.dumps(json.loads(there[0]), indent=2, sort_keys=True, ensure_ascii=False)
        write_atomically(kept, text + "\n", mode=0o600)
        told["kept_aside"] = str(kept)
    write_flow(server, config.database.application, wanted)
    return told
