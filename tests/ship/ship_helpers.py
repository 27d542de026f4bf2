"""A journal, a journalctl and stores to carry between, without systemd and without a network."""

from __future__ import annotations

import json
from pathlib import Path

from langflow_ha.ship.config import Limits

LIMITS = Limits(
    batch_lines=10,
    batch_bytes=100_000,
    gather=0.05,
    settle=15.0,
    timeout=1.0,
    longest_pause=30.0,
    message_bytes=1000,
    first_hours=24.0,
)


class FakeJournal:
    """A file of entries, and the command that follows it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "journal"
        self.path.touch()
        self.count = 0
        self.slow = False

    def write(self, many: int = 1) -> None:
        with self.path.open("a") as file:
            for _ in range(many):
                self.count += 1
                entry = {
                    "__CURSOR": f"c{self.count}",
                    "__REALTIME_TIMESTAMP": str(1_800_000_000_000_000 + self.count),
                    "MESSAGE": f"line {self.count}",
                }
                file.write(json.dumps(entry) + "\n")

    def journalctl(self, cursor: str, _hours: float) -> list[str]:
        if self.slow:
            return ["sleep", "60"]
        lines = self.path.read_text().splitlines()
        known = 1 + next((i for i, line in enumerate(lines) if f'"{cursor}"' in line), -1)
        return [
            "tail",
            "--follow",
            "--sleep-interval=0.01",
            f"--lines=+{known + 1}",
            str(self.path),
        ]


class FakeStore:
    """Has what it took in memory, and on disk what was there `flush` seconds ago by the test's clock."""

    def __init__(self, flush: float = 5.0) -> None:
        self.now = 0.0
        self.flush = flush
        self.up = True
        self.disk: list[str] = []
        self.memory: list[tuple[float, str]] = []
        self.lives = 0

    def deliver(self, body: bytes) -> None:
        if not self.up:
            raise ConnectionRefusedError("away")
        self.tick(self.now)
        self.memory += [(self.now, json.loads(line)["_msg"]) for line in body.splitlines()]

    def life(self) -> str:
        if not self.up:
            raise ConnectionRefusedError("away")
        return str(self.lives)

    def close(self) -> None:
        pass

    def tick(self, now: float) -> None:
        self.now = now
        self.disk += [text for at, text in self.memory if now - at >= self.flush]
        self.memory = [(at, text) for at, text in self.memory if now - at < self.flush]

    def crash(self) -> None:
        self.memory = []
        self.up = False
        self.lives += 1

    @property
    def all(self) -> set[str]:
        return {*self.disk, *(text for _, text in self.memory)}
