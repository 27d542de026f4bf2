"""Carries the journal to one store: reads, masks, delivers, and remembers how far it came."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from langflow_ha.node.clock import Clock
from langflow_ha.node.files import write_atomically
from langflow_ha.ship.config import Limits
from langflow_ha.ship.entry import Entry
from langflow_ha.ship.journal import Journal, command
from langflow_ha.ship.progress import Progress, acknowledged, failed, lived, waits

_PATIENCE = 1.0
"""Seconds that a step waits for an entry."""
_LOOK = 10.0
"""Seconds from one look whether the store still lives to the next, at least."""


class Deliver(Protocol):
    """A store."""

    def deliver(self, body: bytes) -> None:
        """Return when it has acknowledged, or raise `OSError`."""

    def life(self) -> str:
        """Return what tells one process of it from the next, or raise `OSError`."""

    def close(self) -> None:
        """Give the connection up."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is told of a courier. Counted since the start."""

    lines: int = 0
    masked: int = 0
    unreadable: int = 0
    failures: int = 0
    error: str = ""
    waits_since: float | None = None
    """Time, in seconds since the epoch, of the oldest entry that the store has not taken."""


class Courier:
    """One store's. All waiting is inside `step`, which a thread of its own repeats."""

    def __init__(
        self,
        store: Deliver,
        cursor_file: Path,
        limits: Limits,
        entry: Callable[[bytes], Entry],
        clock: Clock,
        journalctl: Callable[[str, float], Sequence[str]] = command,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store, self._file, self._limits = store, cursor_file, limits
        self._entry, self._clock = entry, clock
        self._journalctl, self._sleep = journalctl, sleep
        self._journal: Journal | None = None
        self._pause = 0.0
        self._life = ""
        self._looked_at = 0.0
        self._progress = Progress(_read(cursor_file))
        self.shown = Shown()

    def step(self) -> None:
        """Carry one batch; after a failure begin again where the store is certain, after a pause."""
        try:
            self._carry()
            self._look()
        except OSError as error:
            self._fail(str(error))

    def close(self) -> None:
        """End journalctl and the connection."""
        self._store.close()
        if self._journal:
            self._journal.close()
        self._journal = None

    def _carry(self) -> None:
        limits = self._limits
        if self._journal is None:
            self._life = ""
            words = self._journalctl(self._progress.settled, limits.first_hours)
            self._journal = Journal(words)
        lines = self._journal.batch(
            limits.batch_lines, limits.batch_bytes, limits.gather, _PATIENCE
        )
        entries = self._entries(lines)
        if not entries:
            if self.shown.error:
                # journalctl may only be slow to begin: what ends an error is a store that answers.
                self._life = self._life or self._store.life()
                self.shown = replace(self.shown, error="", waits_since=None)
            return
        self.shown = replace(self.shown, waits_since=entries[0].at)
        self._life = self._life or self._store.life()
        self._store.deliver(b"".join(entry.line for entry in entries))
        self._pause = 0.0
        self.shown = replace(
            self.shown,
            lines=self.shown.lines + len(entries),
            masked=self.shown.masked + sum(entry.masked for entry in entries),
            error="",
            waits_since=None,
        )
        self._progress = acknowledged(self._progress, entries[-1].cursor, self._clock())

    def _look(self) -> None:
        """Count what the store must have on its disk by now, if it is still the one that took it."""
        now, settle = self._clock(), self._limits.settle
        if now - self._looked_at < _LOOK or not waits(self._progress, now, settle):
            return
        self._looked_at = now
        if self._store.life() != self._life:
            raise ConnectionError("the store was started anew")
        self._progress = lived(self._progress, now, settle)
        # A full disk costs lines that come twice after a restart, not the shipping.
        with suppress(OSError):
            write_atomically(self._file, self._progress.settled, 0o600)

    def _entries(self, lines: Sequence[bytes]) -> list[Entry]:
        """What journalctl says that is no entry is counted and left out: it must not stop all that follows."""
        entries = []
        for line in lines:
            try:
                entries.append(self._entry(line))
            except ValueError:
                self.shown = replace(self.shown, unreadable=self.shown.unreadable + 1)
        return entries

    def _fail(self, error: str) -> None:
        if error != self.shown.error:
            print(f"not delivered to {self._file.stem}: {error}", flush=True)
        self.shown = replace(self.shown, failures=self.shown.failures + 1, error=error)
        self.close()
        self._progress = failed(self._progress)
        self._pause = min(max(1.0, self._pause * 2), self._limits.longest_pause)
        self._sleep(self._pause)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""
