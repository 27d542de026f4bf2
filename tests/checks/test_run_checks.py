"""The two lanes of `run-checks all`, with stand-ins for the checks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from langflow_ha import ROOT

TOOLS = ("yamllint", "ansible-lint", "ruff", "mypy", "pytest", "langflow-ha", "molecule", "mkdocs")
PATIENCE_S = 60


class Checks:
    """A copy of the script in a project of stand-ins; each writes down its call and does as told."""

    def __init__(self, root: Path) -> None:
        self.calls = root / "calls"
        self.calls.touch()
        self.script = root / "scripts" / "run-checks"
        self.script.parent.mkdir()
        shutil.copy(ROOT / "scripts" / "run-checks", self.script)
        self.bin = root / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            self.does(tool, "true")

    def does(self, tool: str, script: str) -> None:
        (self.bin / tool).write_text(f'#!/bin/sh\necho "{tool} $*" >>{self.calls}\n{script}\n')
        (self.bin / tool).chmod(0o755)

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            # Whoever runs the tests in the background may be deaf to it, and so would all its children be.
            ["env", "--default-signal=INT", self.script, "all"],
            env={**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self) -> tuple[int, str]:
        running = self.start()
        out, _ = running.communicate(timeout=PATIENCE_S)
        return running.returncode, out

    def wait_for(self, call: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while call not in self.calls.read_text():
            assert time.monotonic() < end, f"never called: {call}"
            time.sleep(0.02)


@pytest.fixture
def checks(tmp_path: Path) -> Checks:
    return Checks(tmp_path)


def wait_until(path: Path) -> str:
    return f"while ! test -e {path}; do sleep 0.02; done"


def test_the_drills_wait_for_all_that_needs_no_lab(checks: Checks, tmp_path: Path) -> None:
    # The last check of the lane waits for the scenario beside it, and so would time out if that came after.
    checks.does("molecule", f"case $* in *tiers) touch {tmp_path}/tiers ;; esac")
    checks.does("pytest", f"case $* in *browser) {wait_until(tmp_path / 'tiers')} ;; esac")
    code, out = checks.run()
    assert code == 0 and out.endswith("12 passed, 0 failed\n"), out
    assert checks.calls.read_text().splitlines()[-1].endswith("cluster")
    assert out.index("=== molecule tiers") < out.index("=== unit tests") < out.index("=== molecule cluster")  # fmt: skip


def test_a_failure_in_either_lane_is_shown_and_counted_once(checks: Checks) -> None:
    checks.does("mypy", "echo 'x.py:1: error: wrong'; exit 1")
    checks.does("molecule", "case $* in *tiers) echo 'fatal: [n1]'; exit 2 ;; esac")
    code, out = checks.run()
    assert code == 1 and out.endswith("10 passed, 2 failed\n"), out
    end = out[out.index("=== molecule cluster") :]
    assert end.count("error: wrong") == 1 and end.count("fatal: [n1]") == 1


def test_a_lane_that_does_not_get_to_its_end_is_a_failure(checks: Checks) -> None:
    """Killed for want of memory, say: what it had not begun must not be missed."""
    checks.does("mypy", "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat)")
    code, out = checks.run()
    assert code == 1 and "ended early, with 137" in out, out


def test_an_interrupt_from_the_keyboard_ends_both_lanes(checks: Checks) -> None:
    checks.does("mypy", "exec sleep 600")
    checks.does("molecule", "exec sleep 600")
    running = checks.start()
    checks.wait_for("mypy")
    checks.wait_for("molecule")
    os.killpg(running.pid, signal.SIGINT)
    # All of them have the pipe: it ends with the last.
    running.communicate(timeout=PATIENCE_S)
    assert running.returncode != 0
