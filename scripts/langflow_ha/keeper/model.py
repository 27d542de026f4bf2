"""What a backup is, and what is told about all of them. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What is saved; each kind has its own clock."""

    DATABASE = "database"
    FILES = "files"
    FLOWS = "flows"
    CONFIG = "config"


class KeeperError(Exception):
    """Something cannot be done; the text says what, why and how to mend it."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup that can be restored. Times are seconds since the epoch, sizes are bytes."""

    kind: Kind
    label: str
    at: float
    """When it was complete: nothing later is in it (a database's WAL aside)."""
    size: int
    """What a restore of it would write."""
    stored: int
    """What it added to the target."""
    type: str = ""
    """A database's: full, diff or incr."""
    seconds: float = 0.0
    wal_start: str = ""
    wal_stop: str = ""
    lsn_stop: str = ""
    database: str = ""
    """PostgreSQL's major version."""
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """One kind's standing at one moment."""

    kind: Kind
    newest: Backup | None
    count: int
    limit_hours: float
    young: bool
    """The newest one is not older than the limit."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that the target holds, and what is wrong with it."""

    at: float
    backups: tuple[Backup, ...]
    problems: tuple[str, ...] = ()
