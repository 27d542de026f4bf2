from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from langflow_ha.drill.model import Check, ClassStats, Outcome, Record, Request
from langflow_ha.drill.record import Journal, latest
from langflow_ha.drill.series import MOST, Series, TimedRecord, Timeline, timed, timeline

RECORD = TimedRecord(
    "vip-power", "The VIP holder loses power", 1, "t", 1000.0, Outcome.PASSED,
    targets=("n1",), fault_at=1003.0, undo_at=1011.0, measured=0.8, budget_kind="gap", limit=1.5,
    classes={"ui": ClassStats(100, 2, 0.8, 1.0, 9.0, {"HTTP 503": 2})},
    checks=(Check("steady state afterwards", ok=True),),
    owners=((-2.0, ("n1",)), (0.5, ()), (0.8, ("n2",))),
    timeline=Timeline(-0.1, 0.1, {"ui": Series((2, 2), (0, 1))}),
)  # fmt: skip


def requests(*ends: float, ok: bool = True, cls: str = "ui") -> list[Request]:
    return [Request(cls, end - 0.01, end, ok) for end in ends]


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "new")
    assert journal.read() == []
    journal.add(RECORD)
    journal.add(replace(RECORD, repetition=2, measured=None, outcome=Outcome.SKIPPED))
    first, second = journal.read()
    assert first == RECORD
    assert (second.outcome, second.measured) == (Outcome.SKIPPED, None)


def test_records_of_other_releases_and_broken_lines_are_survived(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add(Record("old", "Old", 1, "t", 1.0, Outcome.FAILED))
    journal.add(RECORD)
    newer = json.loads(journal.file.read_text().splitlines()[-1]) | {"mood": "good"}
    newer["classes"]["ui"]["p999_ms"] = 3.0
    with journal.file.open("a") as stream:
        stream.write("[]\nnull\n")
        stream.write(json.dumps({**newer, "outcome": "unheard of"}) + "\n")
        stream.write(json.dumps(newer) + "\n")
        stream.write('{"drill": "vip-po')
    assert [r.drill for r in journal.read()] == ["old", "vip-power", "vip-power"]
    assert journal.read()[0].timeline.classes == {}
    assert journal.read()[2] == RECORD


@pytest.mark.parametrize(
    ("repetitions", "kept"),
    [
        ([1], [1]),
        ([1, 2, 3], [1, 2, 3]),
        ([1, 2, 1], [1]),
        ([1, 2, 3, 1, 2], [1, 2]),
        ([1, 1], [1]),
    ],
)
def test_only_the_last_run_of_a_drill_counts(repetitions: list[int], kept: list[int]) -> None:
    other = replace(RECORD, drill="none")
    records = [
        other,
        *(replace(RECORD, repetition=n, started=float(i)) for i, n in enumerate(repetitions)),
    ]
    found = latest(records)
    assert [r.repetition for r in found if r.drill == "vip-power"] == kept
    assert found[-1].started == len(repetitions) - 1
    assert other in found


def test_buckets_hold_every_request_at_its_time() -> None:
    line = timeline(
        [*requests(100.0, 100.04, 102.95), *requests(101.0, ok=False), *requests(100.5, cls="run")],
        101.0,
    )
    assert line.start_s == pytest.approx(-1.0)
    assert line.width_s == pytest.approx(0.1)
    ui = line.classes["ui"]
    assert (ui.ok[0], ui.ok[29], sum(ui.ok)) == (2, 1, 3)
    assert [i for i, n in enumerate(ui.failed) if n] == [10]
    assert sum(line.classes["run"].ok) == 1
    assert len(ui.ok) == len(ui.failed) == len(line.classes["run"].ok) == 30


@pytest.mark.parametrize("seconds", [0.0, 119.9, 121.0, 900.0])
def test_a_long_run_gets_wider_buckets_not_more(seconds: float) -> None:
    many = requests(*(50 + seconds * i / 500 for i in range(501)))
    line = timeline(many, 50.0)
    assert len(line.classes["ui"].ok) <= MOST
    assert sum(line.classes["ui"].ok) == 501
    assert line.start_s + line.width_s * len(line.classes["ui"].ok) > seconds
    assert (line.width_s > 0.11) is (seconds > 120)


def test_no_request_makes_no_timeline() -> None:
    assert timed(RECORD, []).timeline == Timeline()
