"""Timed steps with visible progress, and programs whose long output goes into a log."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from langflow_ha import ROOT

PLAY = re.compile(r"^PLAY \[(.+)\] \*+")
TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.+)\] \*+")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
TAIL = 60
SIGN_OF_LIFE_S = 30.0


class StepError(Exception):
    """A step failed; the text says which, and where its log is."""


def duration(seconds: float) -> str:
    """Return "42 s" or "3 min 20 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


class Steps:
    """Prints each step when it begins and when it ends, and remembers how long it took."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.began = time.monotonic()
        self.times: list[tuple[str, float]] = []

    def say(self, text: str) -> None:
        """Print a line below the running step."""
        self.console.print(f"    {text}", markup=False)

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Frame one step."""
        number = len(self.times) + 1
        self.console.print(f"[bold]{number}. {title}[/]")
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        self.times.append((title, took))
        self.console.print(f"    done in {duration(took)}")

    def run(
        self, argv: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """Run a program with its output in `log`; show an Ansible run's plays and tasks as it goes.

        Other programs' lines are shown as they are. Raises StepError with the end of the output.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        tail: deque[str] = deque(maxlen=TAIL)
        ansible = Path(argv[0]).name == "ansible-playbook"
        progress = Progress(self) if ansible else None
        with log.open("w", encoding="utf-8") as stream:
            process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            try:
                for line in process.stdout or ():
                    stream.write(line)
                    stream.flush()
                    tail.append(line.rstrip())
                    if progress:
                        progress.line(line)
                    else:
                        self.say(line.rstrip())
                code = process.wait()
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
        if code:
            if ansible:
                self.console.print("\n".join(tail), markup=False)
            raise StepError(
                f"{Path(argv[0]).name} ended with exit code {code}; the whole output is in {log}"
            )


class Progress:
    """Turns Ansible's output into one line per play, and a sign of life within long ones."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.began = self.shown = time.monotonic()

    def line(self, raw: str) -> None:
        """Take one line of output."""
        text = ANSI.sub("", raw)
        now = time.monotonic()
        if play := PLAY.match(text):
            self._show(play.group(1), now)
        elif text.startswith(("fatal:", "failed:", "[ERROR]")):
            self._show(text.strip()[:300], now)
        elif (task := TASK.match(text)) and now - self.shown > SIGN_OF_LIFE_S:
            self._show(f"  … {task.group(1)}", now)

    def _show(self, text: str, now: float) -> None:
        self.shown = now
        self.steps.say(f"[{duration(now - self.began):>12}] {text}")


def tool(name: str) -> str:
    """Return the path of a command of the environment that this program runs in."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name
