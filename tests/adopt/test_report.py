"""LangFlow's reports become findings; a command that says nothing is one too."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROLE = Path(__file__).parents[2] / "roles" / "adopt"


def load(path: Path) -> ModuleType:
    """Import a file of the role, which is no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


report = load(ROLE / "filter_plugins" / "adopt_report.py")


def lines(*events: dict[str, Any]) -> str:
    return "\n".join(["a line of a log", *(json.dumps(event) for event in events)])


def checks(name: str, status: str) -> str:
    check = {"name": name, "status": status, "summary": "so it is", "problems": ["row 1"]}
    return lines({"event": "report", "ok": status != "fail", "checks": [check]})


def test_a_good_report_has_no_findings() -> None:
    assert report.adopt_findings(checks("files", "ok")) == []
    assert report.adopt_findings(lines({"event": "report", "ok": True, "problems": []})) == []


def test_a_failed_check_is_told_with_its_rows() -> None:
    assert report.adopt_findings(checks("target key", "fail")) == ["target key: so it is; row 1"]


@pytest.mark.parametrize("name", ["files", "source: files"])
def test_an_accepted_check_is_none(name: str) -> None:
    assert report.adopt_findings(checks(name, "fail"), ["files"]) == []
    assert report.adopt_findings(checks(name, "fail"), ["schema"]) != []


def test_warnings_are_kept_apart() -> None:
    assert report.adopt_findings(checks("files", "warn")) == []
    assert report.adopt_warnings(checks("files", "warn")) == ["files: so it is; row 1"]


def test_a_refused_conversion_is_told() -> None:
    problem = {"code": "target_not_empty", "message": "target already holds 1 user(s)"}
    text = lines({"event": "report", "ok": False, "problems": [problem]})
    assert report.adopt_findings(text) == ["target already holds 1 user(s)"]


@pytest.mark.parametrize(
    ("code", "accepted", "findings"),
    [
        ("no_source_bytes", [], ["u/a.txt: gone"]),
        ("no_source_bytes", ["files"], []),
        ("file_conflict", ["files"], ["u/a.txt: gone"]),
    ],
)
def test_files_left_behind_are_told(code: str, accepted: list[str], findings: list[str]) -> None:
    item = {"owner": "u", "file_name": "a.txt", "reason": "gone", "code": code}
    text = lines({"event": "report", "ok": False, "attention": [item]})
    assert report.adopt_findings(text, accepted) == findings


def test_no_report_is_a_finding() -> None:
    assert "without a report" in report.adopt_findings("Traceback …")[0]
    error = {"event": "error", "code": "bucket_error", "message": "no such bucket"}
    assert report.adopt_findings(lines(error)) == ["no such bucket"]
