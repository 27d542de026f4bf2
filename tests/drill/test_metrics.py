from __future__ import annotations

import asyncio
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from langflow_ha.drill.metrics import exposition, file_name, number
from langflow_ha.drill.model import Outcome
from langflow_ha.drill.publish import COLLECTED, send_metrics, write_metrics, write_page
from langflow_ha.drill.record import Journal
from langflow_ha.drill.series import TimedRecord
from langflow_ha.status.remote import Completed, RemoteError, execute
from langflow_ha.status.site import Node, Site

GOOD = TimedRecord(
    "vip-power", "The VIP holder loses power", 1, "t", 1000.0, Outcome.PASSED,
    measured=0.8, budget_kind="gap", limit=1.5, within_budget=True, safe=True,
)  # fmt: skip
BAD = replace(GOOD, started=2000.0, measured=3.25, outcome=Outcome.FAILED, safe=False, lost=2)
SKIPPED = replace(
    GOOD, started=3000.0, measured=None, outcome=Outcome.SKIPPED, reason="no", safe=False
)
COUNT = replace(GOOD, drill="none", budget_kind="failed", measured=0.0, limit=0.0)


def values(records: list[TimedRecord], drill: str = "vip-power") -> dict[str, str]:
    """Return metric → value of one drill, without the prefix."""
    text = exposition(records, "demo")
    pattern = rf'^langflow_ha_drill_(\w+){{site="demo",drill="{drill}",kind="\w+"}} (\S+)$'
    return dict(re.findall(pattern, text, re.M))


def test_what_is_said_of_a_good_run() -> None:
    assert values([GOOD]) == {
        "measured_seconds": "0.8",
        "budget_seconds": "1.5",
        "success": "1",
        "skipped": "0",
        "lost_writes": "0",
        "last_run_timestamp_seconds": "1000",
        "last_success_timestamp_seconds": "1000",
    }


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([GOOD, BAD], {"success": "0", "measured_seconds": "3.25", "lost_writes": "2",
                       "last_run_timestamp_seconds": "2000", "last_success_timestamp_seconds": "1000"}),
        ([BAD], {"last_success_timestamp_seconds": "0"}),
        ([BAD, GOOD], {"success": "1", "lost_writes": "0"}),
        ([GOOD, SKIPPED], {"success": "0", "skipped": "1", "last_run_timestamp_seconds": "3000",
                           "last_success_timestamp_seconds": "1000"}),
        ([replace(BAD, measured=None)], {"measured_seconds": "+Inf"}),
    ],
)  # fmt: skip
def test_the_last_run_counts(records: list[TimedRecord], expected: dict[str, str]) -> None:
    found = values(records)
    assert {name: found[name] for name in expected} == expected


def test_a_skipped_run_measured_nothing() -> None:
    assert "measured_seconds" not in values([SKIPPED])


def test_counts_are_no_seconds() -> None:
    found = values([GOOD, COUNT], "none")
    assert (found["measured_requests"], found["budget_requests"]) == ("0", "0")
    assert not [n for n in found if n.endswith("_seconds") and "timestamp" not in n]


def test_the_text_is_in_the_exposition_format() -> None:
    text = exposition([GOOD, COUNT], 'a"b\\c\nd')
    assert text.endswith("\n")
    seen: list[str] = []
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            seen.append(line.split()[2])
            assert line.endswith(" gauge")
        elif not line.startswith("# HELP "):
            assert re.fullmatch(
                r'[a-z_]+{(\w+="([^"\\\n]|\\["\\n])*",?)+} [-+0-9.eInfNa]+', line
            ), line
            assert line.split("{")[0] == seen[-1]
    assert len(seen) == len(set(seen)) == 9


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1763.5, "1763.5"), (10.0, "10"), (1e9, "1000000000"), (math.nan, "NaN")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_files_are_written_where_they_are_looked_for(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "drills")
    journal.add(GOOD)
    metrics = write_metrics(journal, "my site/1", tmp_path / "textfile")
    assert metrics.name == file_name("my site/1") == "langflow_ha_drill_my_site_1.prom"
    assert metrics.read_text().startswith("# HELP langflow_ha_drill_measured_seconds")
    assert write_page(journal, "demo") == tmp_path / "drills" / "report.html"
    assert "vip-power" in write_page(journal, "demo", tmp_path / "x.html").read_text()


class Shell:
    """Runs what is meant for a node in a directory of its own; n3 is away."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def run(self, node: Node, script: str, *, timeout: float = 20.0) -> Completed:
        if node.name == "n3":
            raise RemoteError("n3: no answer")
        here = script.replace(COLLECTED, str(self.path / node.name))
        return await execute(["/bin/bash", "-s"], here, timeout)


def test_every_node_that_can_take_them_gets_the_metrics(tmp_path: Path) -> None:
    (tmp_path / "n1").mkdir()
    journal = Journal(tmp_path / "records")
    journal.add(GOOD)
    nodes = tuple(
        Node(name, "192.0.2.1", "192.0.2.1", frozenset({"cluster"}), ("ssh",), False)
        for name in ("n1", "n2", "n3")
    )
    site = Site("blue", tmp_path, nodes, "", "", "", None, "", {}, False, "active_active", None)
    missing = asyncio.run(send_metrics(journal, site, Shell(tmp_path)))  # type: ignore[arg-type]
    assert set(missing) == {"n2", "n3"} and "No such file" in missing["n2"]
    (file,) = (tmp_path / "n1").iterdir()
    assert file.name == "langflow_ha_drill_blue.prom"
    assert file.read_text() == exposition(journal.read(), "blue")
