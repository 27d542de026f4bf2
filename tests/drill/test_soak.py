"""The order of a soak, its end, and its verdict; the runs themselves are the engine's (`test_engine.py`)."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any

import pytest
from langflow_ha.drill import cli, soak
from langflow_ha.drill.model import Drill, Outcome, Record
from langflow_ha.drill.soak import CONTROL, POOL, planned, steps, verdict
from typer.testing import CliRunner


def record(drill: str = "vip-power", outcome: Outcome = Outcome.PASSED, **changes: Any) -> Record:
    ran = outcome is not Outcome.SKIPPED
    values = {"safe": ran, "within_budget": ran, "acknowledged": 10, **changes}
    return Record(drill, drill, 1, "s", 0.0, outcome, **values)


GOOD, END = record(), record("none")


def test_what_takes_the_whole_site_down_is_no_part_of_it() -> None:
    names = {drill.id for drill in POOL}
    assert not names & {"none", "power-cycle", "etcd-majority"}
    assert names >= {"node-power", "host-freeze-5", "paused-power", "valkey-kill"}


def test_the_seed_is_the_order_and_a_round_has_every_drill_once() -> None:
    rounds = 3 * len(POOL)
    first = list(islice(steps(5), rounds))
    assert first == list(islice(steps(5), rounds))
    assert first != list(islice(steps(6), rounds))
    for start in range(0, rounds, len(POOL)):
        found = sorted(step.drill.id for step in first[start : start + len(POOL)])
        assert found == sorted(drill.id for drill in POOL)
    holds = {s.drill.hold_s for s in first if s.drill.id == "host-freeze-60"}
    assert len(holds) == 3, "each round meets another moment"


def test_a_plan_holds_no_more_than_the_time_and_is_the_begin_of_the_run() -> None:
    short, long = planned(5, 2), planned(5, 30)
    assert 0 < len(short) < len(long)
    assert long[: len(short)] == short
    assert long == list(islice(steps(5), len(long)))


class FakeEngine:
    """Each run takes a minute of the clock."""

    def __init__(self, **bad: Record) -> None:
        self.bad = bad
        self.ran: list[tuple[str, int, bool]] = []
        self.now = 0.0

    async def run(self, drill: Drill, repetition: int = 1, *, integrity: bool = True) -> Record:
        self.ran.append((drill.id, repetition, integrity))
        self.now += 60
        return self.bad.get("every", self.bad.get(drill.id.replace("-", "_"), record(drill.id)))


def soaked(engine: FakeEngine, minutes: float) -> list[Record]:
    found: list[Record] = []
    asyncio.run(soak.soak(engine, minutes, 5, found.append, lambda: engine.now))  # type: ignore[arg-type]
    return found


def test_it_runs_the_planned_order_until_the_time_is_over_and_then_the_control_run() -> None:
    engine = FakeEngine()
    assert len(soaked(engine, 2.5)) == 4
    wanted = [(s.drill.id, s.repetition, False) for s in islice(steps(5), 3)]
    assert engine.ran == [*wanted, (CONTROL.id, 1, True)]


def test_it_stops_at_the_first_unsafe_repetition() -> None:
    second = list(islice(steps(5), 2))[1].drill.id
    bad = record(second, Outcome.FAILED, safe=False, reason="1 of 10 lost")
    engine = FakeEngine(**{second.replace("-", "_"): bad})
    found = soaked(engine, 30)
    assert [name for name, *_ in engine.ran][1:] == [second, CONTROL.id]
    outcome, lines = verdict(found)
    assert outcome is Outcome.FAILED
    assert f"UNSAFE {second} 1: 1 of 10 lost" in lines


def test_it_ends_when_nothing_could_run_for_a_whole_round() -> None:
    engine = FakeEngine(every=record(outcome=Outcome.SKIPPED, reason="n1 does not answer"))
    found = soaked(engine, 1000)
    assert len(engine.ran) == len(POOL) + 1
    assert verdict(found)[0] is Outcome.SKIPPED


@pytest.mark.parametrize(
    ("records", "outcome", "line"),
    [
        ([GOOD, END], Outcome.PASSED, "1 faults, 20 writes acknowledged, 0 lost, 0 unsafe"),
        # A budget is another question.
        (
            [record("x", Outcome.FAILED, within_budget=False), END],
            Outcome.PASSED,
            "over budget: x 1",
        ),
        (
            [record("x", Outcome.FAILED, safe=False, lost=1, reason="why"), END],
            Outcome.FAILED,
            "UNSAFE x 1: why",
        ),
        (
            [GOOD, record("none", Outcome.FAILED, reason="3 failed")],
            Outcome.FAILED,
            "healthy at the end: FAILED 3 failed",
        ),
        (
            [GOOD, record("none", Outcome.SKIPPED, reason="n1")],
            Outcome.SKIPPED,
            "healthy at the end: SKIPPED n1",
        ),
        ([END], Outcome.SKIPPED, "0 faults, 10 writes acknowledged, 0 lost, 0 unsafe"),
        (
            [GOOD, *2 * [record("y", Outcome.SKIPPED, reason="not on one node")], END],
            Outcome.PASSED,
            "skipped 2 times: not on one node",
        ),
    ],
)
def test_verdict(records: list[Record], outcome: Outcome, line: str) -> None:
    found, lines = verdict(records)
    assert found is outcome
    assert line in lines


def test_the_plan_needs_no_cluster() -> None:
    result = CliRunner().invoke(cli.app, ["soak", "--plan", "--seed", "5", "--minutes", "3"])
    assert result.exit_code == 0, result.output
    assert "seed 5" in result.output
    for step in planned(5, 3):
        assert f"{step.drill.id}: " in result.output
