"""Events: what turned over, for people who ask later what happened."""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

INFO, WARNING, PAGE = "info", "warning", "page"


@dataclass(frozen=True, slots=True)
class Event:
    """A transition. `level` is info, warning, or page (a person is needed now)."""

    level: str
    event: str
    detail: str


class Journal:
    """Events, to stdout as JSON lines and to a file that never outgrows twice its bound.

    Written by a thread of its own: a hanging disk or a stuck journald must not stop the loop.
    When it cannot keep up, events are dropped and counted rather than waited for.
    """

    def __init__(self, path: Path, bound: int, node: str) -> None:
        self._path = path
        self._bound = bound
        self._node = node
        self._lines: queue.Queue[str] = queue.Queue(maxsize=1000)
        self.dropped = 0
        threading.Thread(target=self._write_all, name="journal", daemon=True).start()

    def record(self, event: Event) -> None:
        """Note an event, with the wall clock: people compare it across nodes."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now := time.time()))
        when = f"{stamp}.{int(now % 1 * 1000):03d}Z"
        line = json.dumps({"time": when, "node": self._node, **asdict(event)})
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    def flush(self, timeout: float = 0.5) -> None:
        """Give the writer a moment at a clean stop."""
        end = time.monotonic() + timeout
        while self._lines.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.01)

    def _write_all(self) -> None:
        while True:
            line = self._lines.get()
            with suppress(OSError):  # a full disk costs the record, not the verdict
                print(line, flush=True, file=sys.stdout)
                self._append(line)
            self._lines.task_done()

    def _append(self, line: str) -> None:
        if self._path.exists() and self._path.stat().st_size + len(line) > self._bound:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
