"""Which backup serves a restore, what speaks against it, and whether backups are young enough. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langflow_ha.keeper.model import Backup, Inventory, KeeperError, Kind, State
from langflow_ha.keeper.repository import Target

SEGMENTS_PER_LOG = 0x100
"""WAL segments of 16 MiB in a file number; the kit never sets another segment size."""
HOUR_S = 3600.0


def states(inventory: Inventory, limits: Mapping[Kind, float]) -> list[State]:
    """Return the standing of every kind that is made here."""
    found = []
    for kind, hours in limits.items():
        mine = [backup for backup in inventory.backups if backup.kind is kind]
        newest = max(mine, key=lambda backup: backup.at, default=None)
        young = newest is not None and inventory.at - newest.at <= hours * HOUR_S
        found.append(State(kind, newest, len(mine), hours, young))
    return found


def complaints(states_now: Sequence[State], at: float) -> list[str]:
    """Return one line for every kind without a backup that is young enough."""
    found = []
    for state in states_now:
        if state.newest is None:
            found.append(f"there is no backup of the {state.kind}")
        elif not state.young:
            age = (at - state.newest.at) / HOUR_S
            found.append(
                f"the newest backup of the {state.kind} is {age:.0f} hours old, "
                f"{state.limit_hours:g} are allowed"
            )
    return found


def segment_number(name: str) -> int:
    """Return a WAL segment's place in the order of its timeline."""
    return int(name[8:16], 16) * SEGMENTS_PER_LOG + int(name[16:24], 16)


def gaps(wal: Sequence[str], start: str) -> list[str]:
    """Return what is missing in the archive from segment `start` on, as `first` or `first..last`.

    A timeline begins in the segment in which the one before it ended, whose own copy is archived as
    partial or not at all. So neighbours may overlap, but nothing may be missing between them.
    """
    lines: dict[str, list[int]] = {}
    for name in wal:
        if name[8:] >= start[8:] and name[:8] >= start[:8]:
            lines.setdefault(name[:8], []).append(segment_number(name))
    found = []
    reached, before = segment_number(start) - 1, start[:8]
    for timeline, numbers in sorted(lines.items()):
        for number in sorted(numbers):
            if number > reached + 1:
                first, last = _name(before, reached + 1), _name(before, number - 1)
                found.append(first if first == last else f"{first}..{last}")
            reached, before = number, timeline
    if not lines:
        found.append(start)
    return found


def _name(timeline: str, number: int) -> str:
    return f"{timeline}{number // SEGMENTS_PER_LOG:08X}{number % SEGMENTS_PER_LOG:08X}"


def chosen(backups: Sequence[Backup], target: Target, at: float | None, label: str) -> Backup:
    """Return the backup to start from: `label`, or the newest that was complete before the target.

    `at` is the target's time where it is a time (seconds since the epoch). Raises KeeperError when
    none fits; backups of an xid or a name say not when that was, so there the newest is taken unless
    `label` names one.
    """
    databases = [backup for backup in backups if backup.kind is Kind.DATABASE]
    if not databases:
        raise KeeperError("there is no backup of the database in the target")
    if label:
        for backup in databases:
            if backup.label == label:
                return backup
        known = ", ".join(backup.label for backup in databases)
        raise KeeperError(f"there is no backup {label}; there are {known}")
    fitting = [b for b in databases if at is None or b.at <= at]
    if not fitting:
        raise KeeperError(
            f"restore_target {target.value}: the oldest backup is younger "
            f"({databases[0].label}); a restore can go back to its end only"
        )
    return max(fitting, key=lambda backup: backup.at)


def release(version: str) -> tuple[int, ...]:
    """Return a version's numbers: 1.13.0 → (1, 13, 0)."""
    numbers = []
    for part in version.split("."):
        digits = "".join(c for c in part if c.isdigit())
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)


def misfits(backup: Backup, postgresql: str, langflow: str) -> list[str]:
    """Return why a backup cannot be restored into what is installed here."""
    found = []
    if release(backup.database)[:1] != release(postgresql)[:1]:
        found.append(
            f"backup {backup.label} is of PostgreSQL {backup.database}, here is {postgresql}: "
            f"install postgresql_version {backup.database}"
        )
    made_by = backup.notes.get("langflow-version", "")
    if made_by and release(made_by) > release(langflow):
        found.append(
            f"backup {backup.label} is of LangFlow {made_by}, here is {langflow}: an older LangFlow cannot "
            f"use a newer schema; set langflow_version to {made_by} or later and run site.yml"
        )
    return found


def lacking(needed: int, free: int, where: str) -> list[str]:
    """Return why there is too little space for a restore (bytes); a tenth is left for the server itself."""
    if needed * 1.1 <= free:
        return []
    return [
        f"{where} has {free / 2**20:.0f} MiB free, the restore needs {needed * 1.1 / 2**20:.0f} MiB: "
        "make room (older *.replaced-* directories there are from earlier restores)"
    ]
