"""langflow-ha-trace: one trace as a tree, the newest as a list, from files as the collector writes them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from langflow_ha import ROOT

A, B = "a" * 32, "b" * 32
START = 1_780_000_000_000_000_000


@pytest.fixture(scope="module")
def reader() -> ModuleType:
    file = ROOT / "roles/trace_collector/files/langflow_ha_trace.py"
    spec = importlib.util.spec_from_file_location("langflow_ha_trace", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def span(trace: str, number: int, parent: str, begin: float, took: float, **more: Any) -> Any:
    return {
        "traceId": trace,
        "spanId": f"{number:016x}",
        "parentSpanId": parent,
        "name": f"span {number}",
        "startTimeUnixNano": str(START + int(begin * 1e6)),
        "endTimeUnixNano": str(START + int((begin + took) * 1e6)),
        **more,
    }


def batch(node: str, *spans: Any) -> str:
    name = {"key": "service.instance.id", "value": {"stringValue": node}}
    resource = {
        "resource": {"attributes": [name]},
        "scopeSpans": [{"scope": {}, "spans": list(spans)}],
    }
    return json.dumps({"resourceSpans": [resource]}) + "\n"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    failed = {
        "status": {"code": 2},
        "attributes": [{"key": "flow_id", "value": {"stringValue": "my-flow"}}],
    }
    # The child came first, in an older file, and the balancer's span is nowhere.
    (tmp_path / "spans-2026-11-28T07-00-00.000.json").write_text(
        batch("n1", span(A, 2, f"{1:016x}", 3, 10, **failed), span(B, 3, "", 60_000, 7000))
    )
    (tmp_path / "spans.json").write_text(
        batch("n1", span(A, 1, "f" * 16, 0, 20)) + batch("n2", span(A, 4, f"{2:016x}", 5, 1))[:-30]
    )
    return tmp_path


def run(reader: ModuleType, kept: Path, *arguments: str) -> int:
    code: int = reader.main([*arguments, "--directory", str(kept)])
    return code


def test_a_trace_is_a_tree(
    reader: ModuleType, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(reader, kept, A.upper()) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "      0.0 ms       20.0 ms  span 1  [n1]",
        "      3.0 ms       10.0 ms    span 2  [n1]  flow_id=my-flow  ERROR",
    ]


def test_the_newest_and_the_slow(
    reader: ModuleType, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(reader, kept) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [A, B]
    assert run(reader, kept, "--count", "1") == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [B]
    assert run(reader, kept, "--slower", "5") == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [B]


def test_spans_as_they_came(
    reader: ModuleType, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(reader, kept, B, "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["spanId"] == f"{3:016x}"


def test_what_is_not_there_is_said(
    reader: ModuleType, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(reader, kept, "c" * 32) == 1
    assert run(reader, tmp_path / "none") == 1
    assert "no such trace" in capsys.readouterr().err
