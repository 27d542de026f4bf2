from __future__ import annotations

import copy
import json
from pathlib import Path

from helpers import RAW
from langflow_ha.health import config, report


def line(second: int, event: str) -> str:
    stamp = f"2030-01-01T00:{second // 60:02}:{second % 60:02}.000Z"
    told = {"time": stamp, "node": "n1", "level": "info", "event": event, "detail": "why"}
    return json.dumps(told) + "\n"


def test_the_last_events_of_all_journals_newest_first(tmp_path: Path) -> None:
    (tmp_path / "agent").write_text(line(1, "a") + "no JSON\n[]\n" + line(3, "c") + '{"time": "cut')
    (tmp_path / "runs").write_text(line(2, "b"))
    raw = copy.deepcopy(RAW)
    raw["report"]["journals"] = [str(tmp_path / name) for name in ("agent", "missing", "runs")]
    found = report.collect(config.parse(raw))["events"]
    assert [event["event"] for event in found] == ["c", "b", "a"]
    assert set(found[0]) == {"time", "level", "event", "detail"}


def test_a_long_journal_is_not_read_whole(tmp_path: Path) -> None:
    journal = tmp_path / "agent"
    journal.write_text("".join(line(second, "x" * 100) for second in range(3000)))
    raw = copy.deepcopy(RAW)
    raw["report"]["journals"] = [str(journal)]
    found = report.collect(config.parse(raw))["events"]
    assert len(found) == 25
    assert found[0]["time"] == "2030-01-01T00:49:59.000Z"
