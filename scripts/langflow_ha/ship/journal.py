"""Reading the journal: `journalctl --follow` from a cursor on, in batches."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Sequence

from langflow_ha.ship.entry import FIELDS

_PIECE = 256 * 1024


def command(cursor: str, first_hours: float) -> list[str]:
    """Return the command; without a cursor it begins some hours ago."""
    start = f"--after-cursor={cursor}" if cursor else f"--since=-{first_hours * 3600:.0f}s"
    return [
        "journalctl", "--quiet", "--all", "--follow", "--no-tail", "--output=json",
        f"--output-fields={','.join(FIELDS)}", start,
    ]  # fmt: skip


class Journal:
    """A journalctl under way. It waits while nobody reads, so what is in memory is bounded."""

    def __init__(self, words: Sequence[str]) -> None:
        self._handle, write = os.pipe()
        try:
            self._process = subprocess.Popen(words, stdout=write, stdin=subprocess.DEVNULL)
        except OSError:
            os.close(self._handle)
            raise
        finally:
            os.close(write)
        self._rest = b""
        self._lines: list[bytes] = []

    def batch(self, most: int, most_bytes: int, gather: float, patience: float) -> list[bytes]:
        """Return entries: [] when none came for `patience` seconds; else those within `gather` of the first.

        Raises `OSError` when journalctl has ended.
        """
        end = time.monotonic() + patience
        taken: list[bytes] = []
        size = 0
        while True:
            while self._lines and len(taken) < most and size < most_bytes:
                taken.append(self._lines.pop(0))
                size += len(taken[-1])
                if len(taken) == 1:
                    end = time.monotonic() + gather
            left = end - time.monotonic()
            if self._lines or left <= 0:
                return taken
            self._read(left)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        os.close(self._handle)

    def _read(self, timeout: float) -> None:
        ready, _, _ = select.select([self._handle], [], [], timeout)
        if not ready:
            return
        piece = os.read(self._handle, _PIECE)
        if not piece:
            raise ConnectionError(f"journalctl has ended with {self._process.wait()}")
        *lines, self._rest = (self._rest + piece).split(b"\n")
        self._lines += [line for line in lines if line]
