"""The loop: ask, remember, write."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from langflow_ha.gpu.cards import Answer, Card, learn, lines
from langflow_ha.gpu.smi import Smi, UnansweredError
from langflow_ha.node.clock import boottime
from langflow_ha.node.files import write_atomically
from langflow_ha.node.loop import Loop
from langflow_ha.node.prometheus import page

_TIMEOUT = 10.0
"""Seconds for an answer. The driver takes some to wake a card that nobody uses."""
_PULSE = 5.0
"""Seconds between two signs of life to systemd, a fraction of WatchdogSec."""
_TICK = 1.0


class Recorder:
    """Writes the metrics, and which cards there ever were: one that is gone shall be missed after a boot too."""

    def __init__(self, ask: Callable[[], Answer], textfile: Path, memory: Path) -> None:
        self._ask = ask
        self._textfile = textfile
        self._memory = memory
        self._known = (
            [Card(**card) for card in json.loads(memory.read_text())] if memory.exists() else []
        )
        self._said = ""

    def record(self) -> str:
        """Ask once and write; returns what `systemctl status` shows."""
        answer: Answer | None = None
        try:
            answer = self._ask()
            status = f"{sum(map(bool, answer.values()))} of {len(learn(self._known, answer))} cards answer"
        except UnansweredError as error:
            status = str(error)
        known = learn(self._known, answer or {})
        if known != self._known:
            write_atomically(self._memory, json.dumps([asdict(card) for card in known]))
            self._known = known
        write_atomically(self._textfile, page(lines(known, answer)).decode())
        if status != self._said:
            print(status, flush=True)
            self._said = status
        return status


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon until SIGTERM or SIGINT; returns the exit code."""
    parser = argparse.ArgumentParser(prog="langflow-ha-gpu", description="Writes metrics of GPUs.")
    parser.add_argument("--command", default="nvidia-smi", help="NVIDIA's program")
    parser.add_argument("--textfile", type=Path, required=True, help="file with the metrics")
    parser.add_argument("--memory", type=Path, required=True, help="file with the cards ever seen")
    parser.add_argument("--interval", type=float, default=15.0, help="seconds between questions")
    options = parser.parse_args(argv)
    loop = Loop()
    recorder = Recorder(Smi(options.command, _TIMEOUT).ask, options.textfile, options.memory)
    due, status = 0.0, ""

    def step() -> str:
        nonlocal due, status
        if boottime() >= due:
            due = boottime() + options.interval
            status = recorder.record()
        else:
            time.sleep(_TICK)
        return status

    loop.run(step, _PULSE)
    return 0
