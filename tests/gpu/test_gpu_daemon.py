"""The daemon writes what the node exporter reads, and a hanging nvidia-smi neither stops nor floods it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gpu_helpers import CONSUMER, T4, said, stand_in
from langflow_ha import ROOT
from langflow_ha.gpu.cards import parse
from langflow_ha.gpu.daemon import Recorder
from langflow_ha.gpu.smi import Smi, UnansweredError
from promtool import PROMTOOL


def prints(directory: Path, text: str, code: int = 0) -> Path:
    (directory / "said").write_text(text)
    return stand_in(directory, f"cat {directory}/said", f"exit {code}")


def test_a_lost_card_is_missed_after_a_boot_too(tmp_path: Path) -> None:
    textfile, memory = tmp_path / "gpu.prom", tmp_path / "cards.json"
    assert Recorder(lambda: parse(said(T4, CONSUMER)), textfile, memory).record() == (
        "2 of 2 cards answer"
    )
    assert Recorder(lambda: parse(said(T4)), textfile, memory).record() == "1 of 2 cards answer"
    assert 'langflow_ha_gpu_up{gpu="1",uuid="GPU-bbbb"' in textfile.read_text()
    assert (textfile.stat().st_mode & 0o777) == 0o644


def test_the_exit_code_does_not_hide_the_cards_that_are_well(tmp_path: Path) -> None:
    assert len(Smi(str(prints(tmp_path, said(T4), 15)), 5).ask()) == 1


def test_no_program_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(UnansweredError, match="No such file"):
        Smi(str(tmp_path / "none"), 5).ask()


def test_one_that_cannot_be_ended_is_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a process in the kernel's hands: here the signal is withheld."""
    smi = Smi(str(stand_in(tmp_path, f"echo x >>{tmp_path}/count", "exec sleep 20")), 0.3)
    kill = subprocess.Popen.kill
    monkeypatch.setattr(subprocess.Popen, "kill", lambda process: None)
    with pytest.raises(UnansweredError, match="did not answer within"):
        smi.ask()
    with pytest.raises(UnansweredError, match="cannot be ended"):
        smi.ask()
    assert (tmp_path / "count").read_text() == "x\n"
    kill(smi._stuck)  # type: ignore[arg-type]
    smi._stuck.wait()  # type: ignore[union-attr]
    with pytest.raises(UnansweredError, match="did not answer within"):
        smi.ask()
    kill(smi._stuck)  # type: ignore[arg-type]


def test_runs_writes_and_ends(tmp_path: Path) -> None:
    textfile = tmp_path / "langflow_ha_gpu.prom"
    program = prints(tmp_path, said(T4, CONSUMER))
    options = {"command": program, "textfile": textfile, "memory": tmp_path / "cards.json"}
    daemon = subprocess.Popen(
        [sys.executable, "-m", "langflow_ha.gpu", "--interval=0.1"]
        + [f"--{name}={value}" for name, value in options.items()],
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
    )
    try:
        end = time.monotonic() + 20
        while not textfile.exists() and time.monotonic() < end:
            time.sleep(0.05)
        checked = subprocess.run(
            [PROMTOOL, "check", "metrics"],
            input=textfile.read_bytes(),
            capture_output=True,
            check=False,
        )
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(10) == 0
    finally:
        daemon.kill()
