"""What LangFlow's `--json` commands say at their end, as sentences."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

SOURCE = "source: "
"""How migration-preflight marks the integrity checks that it makes on the old instance."""
WITHOUT_BYTES = {"no_source_bytes", "attachment_unmatched"}
"""Codes of relocate-files for what the check `files` is about."""


def _events(stdout: str) -> list[dict[str, Any]]:
    """Return the events; lines of logs are left out."""
    found = []
    for line in stdout.splitlines():
        if line.startswith('{"event": '):
            found.append(json.loads(line))
    return found


def _checks(events: Sequence[dict[str, Any]], status: str, accepted: Sequence[str]) -> list[str]:
    return [
        ": ".join([check["name"], "; ".join([check["summary"], *check["problems"]])])
        for event in events
        if event["event"] == "report"
        for check in event.get("checks", [])
        if check["status"] == status and check["name"].removeprefix(SOURCE) not in accepted
    ]


def adopt_findings(stdout: str, accepted: Sequence[str] = ()) -> list[str]:
    """Return what speaks against going on, [] when nothing does.

    `accepted` names checks whose failures the operator knows and takes. A command that ended without
    a report is a finding itself.
    """
    events = _events(stdout)
    reports = [event for event in events if event["event"] == "report"]
    errors = [event["message"] for event in events if event["event"] == "error"]
    if not reports:
        return errors or ["the command ended without a report; its log says why"]
    report = reports[-1]
    found = _checks(events, "fail", accepted)
    found += [problem["message"] for problem in report.get("problems", [])]
    found += [
        f"{item['owner']}/{item['file_name']}: {item['reason']}"
        for item in report.get("attention", [])
        if not (item["code"] in WITHOUT_BYTES and "files" in accepted)
    ]
    return found


def adopt_warnings(stdout: str) -> list[str]:
    """Return what an operator should know although it does not stop the move."""
    return _checks(_events(stdout), "warn", ())


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        return {"adopt_findings": adopt_findings, "adopt_warnings": adopt_warnings}
