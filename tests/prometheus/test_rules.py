"""Every alert has a case in which it fires, one in which it does not, and a page that says what to do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from langflow_ha import ROOT
from langflow_ha.status.decide import DISK_WARNING_PERCENT, LAG_WARNING_BYTES
from promtool import PROMTOOL

HERE = Path(__file__).parent
RULES = sorted((ROOT / "roles/prometheus/files/rules").glob("*.yml"))
CASES = sorted(HERE.glob("*.test.yml"))
RUNBOOKS = ROOT / "docs/runbooks"
LIST = (ROOT / "docs/monitoring.md").read_text("utf-8")
WITHOUT_QUIET = {("LangflowDeadMansSwitch", "none")}
"""Fires always: that is what it is for."""


def rules() -> list[dict[str, Any]]:
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def test_rules_are_valid() -> None:
    done = subprocess.run([PROMTOOL, "check", "rules", *RULES], capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    assert len(alerts()) > 30


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_rules_do_what_their_cases_say(case: Path) -> None:
    done = subprocess.run([PROMTOOL, "test", "rules", case], capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_every_alert_has_both_cases() -> None:
    found: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    for case in CASES:
        for test in yaml.safe_load(case.read_text("utf-8"))["tests"]:
            for asked in test["promql_expr_test"]:
                named = re.search(r'ALERTS{alertname="(\w+)"', asked["expr"])
                if not named:
                    continue
                words = re.search(r"\((\w+)\) (fires|does not)$", test["name"])
                assert words and test["name"].startswith(named[1]), test["name"]
                assert bool(asked["exp_samples"]) == (words[2] == "fires"), test["name"]
                found[bool(asked["exp_samples"])].add((named[1], words[1]))
    wanted = {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()}
    assert found[True] == wanted
    assert found[False] == wanted - WITHOUT_QUIET


def test_every_alert_says_how_grave_it_is_and_what_to_do() -> None:
    for rule in alerts():
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, rule
        assert rule["labels"]["severity"] in {"critical", "warning", "info", "none"}, rule
        assert rule["labels"]["level"] in {"seconds", "minutes", "hours"}, rule
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"


def test_every_page_belongs_to_an_alert_and_is_whole() -> None:
    pages = {path.stem: path.read_text("utf-8") for path in RUNBOOKS.glob("Langflow*.md")}
    assert set(pages) == {rule["alert"] for rule in alerts()}
    for name, text in pages.items():
        assert text.startswith(f"# {name}\n"), name
        assert f"](runbooks/{name}.md)" in LIST, name
        for part in ("**Means.**", "**Look at.**", "**Mend.**"):
            assert part in text, f"{name}: {part}"


def test_a_resource_is_scarce_above_one_limit() -> None:
    """Said once per resource, and as `langflow-ha status` says it."""
    limits = {
        match[1]: float(match[2])
        for rule in alerts()
        if (match := re.fullmatch(r"node:(\w+):\w+ > ([\d.]+)", rule["expr"]))
    }
    assert set(limits) == {
        "cpu_busy",
        "memory_used",
        "filesystem_used",
        "disk_busy",
        "gpu_memory_used",
    }
    assert {value * 100 for value in limits.values()} == {DISK_WARNING_PERCENT}
    assert sum("filesystem" in rule["expr"] for rule in alerts()) == 1


def test_a_standby_is_behind_above_the_limit_of_status() -> None:
    (rule,) = (rule for rule in alerts() if rule["alert"] == "LangflowReplicationLag")
    factors = re.search(r"> (\d+) \* (\d+) \* (\d+)", rule["expr"])
    assert factors
    assert int(factors[1]) * int(factors[2]) * int(factors[3]) == LAG_WARNING_BYTES


def test_recorded_series_are_used_by_their_name() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = set(re.findall(r"\b(?:node|langflow):\w+:\w+", " ".join(r["expr"] for r in rules())))
    assert used <= recorded
