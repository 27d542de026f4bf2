"""Everything the agent does to its node: four small files and a log."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from langflow_ha.health.events import Event


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old or the new text, never half of one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="ascii")
    draft.chmod(0o644)
    draft.replace(path)


class WeightFile:
    """The file that Keepalived tracks. Written on change only: each write wakes Keepalived."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: int | None = None

    def write(self, weight: int) -> bool:
        """Write the weight if it is news; True if it was."""
        if weight == self._written and self.path.exists():
            return False
        write_atomically(self.path, f"{weight}\n")
        self._written = weight
        return True


class Handover:
    """What an agent that is restarted on purpose leaves to its successor.

    Without it, each restart would begin with "unknown" and so move the VIP. It is consumed on
    reading, holds for seconds and for one boot only: a crash leaves none, so a crash never keeps
    a weight alive.
    """

    def __init__(self, path: Path, boot_id: str) -> None:
        self._path = path
        self._boot_id = boot_id

    def leave(self, weight: int, now: float) -> None:
        """Leave the weight at a clean stop."""
        note = {"weight": weight, "at": now, "boot_id": self._boot_id}
        write_atomically(self._path, json.dumps(note))

    def take(self, now: float, grace: float) -> int | None:
        """The predecessor's weight, if it is younger than `grace` seconds."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(self._path.read_text(encoding="ascii"))
            self._path.unlink()
            if note["boot_id"] == self._boot_id and 0 <= now - note["at"] <= grace:
                return int(note["weight"])
        return None


def request_restart(path: Path) -> None:
    """Ask systemd for a restart of LangFlow or Keepalived: a path unit watches for this file.

    The agent has no privilege to kill anything; root's unit decides whether it may.
    """
    path.touch()


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
