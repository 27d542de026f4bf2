"""What happens to Patroni when the clock is set."""

from __future__ import annotations

import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "roles" / "postgresql" / "files" / "patroni-clock-step"
RESTART = ("restart", "patroni.service")


def load() -> ModuleType:
    """Import the script, whose name has no suffix."""
    loader = SourceFileLoader("patroni_clock_step", str(SCRIPT))
    spec = spec_from_loader("patroni_clock_step", loader)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load()


@pytest.mark.parametrize(
    ("stepped", "running", "restarts"),
    [
        pytest.param(-60.0, True, 1, id="back"),
        pytest.param(-4.0, True, 0, id="back, and Patroni wakes in time"),
        pytest.param(60.0, True, 0, id="ahead"),
        pytest.param(-60.0, False, 0, id="Patroni does not run"),
        pytest.param(None, True, 0, id="first look"),
    ],
)
def test_patroni_is_restarted_only_after_a_long_step_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stepped: float | None,
    running: bool,
    restarts: int,
) -> None:
    state, orders = tmp_path / "booted", []
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    if stepped is not None:
        state.write_text(f"{booted - stepped}\n")

    def systemctl(*words: str) -> int:
        orders.append(words)
        return 0 if words[0] == "restart" or running else 3

    monkeypatch.setattr(script, "systemctl", systemctl)
    monkeypatch.setattr("sys.argv", ["step", "--state", str(state), "--harmless", "5"])
    assert script.main() == 0
    assert orders.count(RESTART) == restarts
    assert float(state.read_text()) == pytest.approx(booted, abs=0.5)
