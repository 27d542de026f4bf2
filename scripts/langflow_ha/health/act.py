"""What the agent leaves behind: the weight for Keepalived, and the same for its successor."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from langflow_ha.node.files import write_atomically


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
