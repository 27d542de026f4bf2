"""How a start of LangFlow is waited for, and when that is given up."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "roles/langflow/files/langflow_wait_ready.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("langflow_wait_ready", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Clock:
    """A second that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_it_waits_until_langflow_is_ready(script: ModuleType) -> None:
    clock = Clock()
    answers = iter([(False, "refused"), (False, "HTTP 500"), (True, "HTTP 200")])
    found = script.wait(lambda: next(answers), 300, clock=clock, sleep=clock.sleep)
    assert found == (True, "HTTP 200") and clock.now == 1.0


def test_it_gives_up_in_time_and_says_what_it_saw_last(script: ModuleType) -> None:
    clock = Clock()
    found = script.wait(lambda: (False, "refused"), 300, clock=clock, sleep=clock.sleep)
    assert found == (False, "refused") and clock.now == 300


def test_it_does_not_wait_for_a_langflow_that_has_ended(script: ModuleType) -> None:
    """systemd waits for this script before it starts LangFlow again, or tells of the failure."""
    clock = Clock()
    found = script.wait(
        lambda: (False, "refused"), 300, alive=lambda: clock.now < 2, clock=clock, sleep=clock.sleep
    )
    assert found == (False, "LangFlow has ended; refused") and clock.now == 2.0


@pytest.mark.parametrize(("ends", "words"), [(True, "LangFlow has ended"), (False, "not ready after 1 s")])  # fmt: skip
def test_the_process_is_the_one_that_systemd_names(ends: bool, words: str) -> None:
    service = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    if ends:
        service.communicate(b"\n")
    environment = {"LANGFLOW_HOST": "127.0.0.1", "LANGFLOW_PORT": "1", "MAINPID": str(service.pid)}
    done = subprocess.run(
        [sys.executable, SCRIPT, "--wait=1"], env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    service.kill()
    service.wait()
    assert done.returncode == 1 and words in done.stderr
