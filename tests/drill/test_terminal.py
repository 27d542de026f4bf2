"""What the commands print about a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from langflow_ha.drill.model import ClassStats
from langflow_ha.drill.terminal import class_lines


def test_what_failed_is_told_by_kind() -> None:
    well = ClassStats(10, 0, 0.1, 1, 2)
    unwell = ClassStats(20, 3, 4.0, 1, 2, {"HTTP 503": 2, "no answer in 5 s": 1})
    result: Any = SimpleNamespace(classes={"ui": well, "run": unwell})
    assert class_lines(result) == ["  run: 3 of 20 failed (2 HTTP 503, 1 no answer in 5 s)"]
