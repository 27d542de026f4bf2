from __future__ import annotations

import io
from dataclasses import replace

import pytest
from langflow_ha.drill.catalogue import ALL, CATALOGUE, WIDE
from langflow_ha.drill.faults import FAULTS
from langflow_ha.drill.judge import Evidence, judge, skipped
from langflow_ha.drill.model import (
    Acknowledged,
    BackgroundRun,
    ClassStats,
    Outcome,
    Request,
    Sample,
)
from langflow_ha.drill.record import exit_code, markdown, summarise, table
from rich.console import Console

DRILLS = {drill.id: drill for drill in CATALOGUE}
NODES = ("n1", "n2", "n3")
FAULT, UNDO, END = 100.0, 110.0, 130.0


def requests(failing: tuple[float, float] = (0, 0), cls: tuple[str, ...] = ALL) -> list[Request]:
    return [
        Request(c, 90 + i * 0.05, 90.01 + i * 0.05, not failing[0] <= 90 + i * 0.05 < failing[1])
        for c in cls
        for i in range(800)
    ]


def owners(moved_at: float = 100.9, back_at: float = 0, dead: bool = True) -> list[Sample]:
    """n1 holds the VIP, loses power at FAULT, n2 takes it; all are watched otherwise."""
    samples = []
    for i in range(800):
        at = 90 + i * 0.05
        if not (dead and FAULT <= at < UNDO):
            samples.append(Sample("n1", at, "vip", at < FAULT or (0 < back_at <= at)))
        samples.append(Sample("n2", at, "vip", at >= moved_at))
        samples.append(Sample("n3", at, "vip", False))
    return samples


def evidence(drill: str = "vip-power", /, **changes: object) -> Evidence:
    base = Evidence(
        drill=DRILLS[drill],
        site="test",
        repetition=1,
        started=89.0,
        targets=("n1",),
        nodes=frozenset(NODES),
        without_power=frozenset({"n1"}),
        fault_at=FAULT,
        undo_at=UNDO,
        load_end=END,
        steady_s=15.0,
        requests=requests((100.0, 100.9)),
        samples=owners(),
        acknowledged=[Acknowledged("flow", "1", 95, "a")],
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_a_good_run_passes() -> None:
    record = judge(evidence())
    assert record.reason == ""
    assert record.outcome is Outcome.PASSED
    assert record.measured == pytest.approx(0.95, abs=0.06)
    assert [who for _, who in record.owners] == [("n1",), (), ("n2",)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"requests": requests((100.0, 102.0))}, "over budget"),
        (
            {"lost": [Acknowledged("flow", "1", 95, "a")]},
            "acknowledged writes are all there: 1 of 1",
        ),
        ({"unverified": "no answer"}, "acknowledged writes are all there: no answer"),
        ({"steady_s": None, "unsteady": "n1 does not answer"}, "steady state afterwards: n1 does"),
        ({"samples": []}, "VIP owners were watched"),
        ({"samples": owners(moved_at=103.0)}, "exactly one VIP owner"),
        ({"samples": owners(back_at=115.0)}, "left the VIP where it was"),
        ({"requests": requests((112.0, 114.0))}, "no second gap"),
        ({"integrity": "files missing"}, "check-integrity: files missing"),
        ({"trouble": "undo on n1: no answer"}, "the drill itself: undo"),
        (
            {"samples": owners() + [Sample(n, 105.0, "pg", True) for n in ("n2", "n3")]},
            "never two writable databases",
        ),
    ],
)
def test_every_check_can_fail(changes: dict[str, object], reason: str) -> None:
    record = judge(evidence(**changes))
    assert record.outcome is Outcome.FAILED
    assert reason in record.reason


GOOD = BackgroundRun("1", "a", 101, "completed", 102, "completed", 1)


@pytest.mark.parametrize(
    ("drill", "changes", "reason"),
    [
        ("node-power", {"samples": owners(back_at=115.0)}, "left the VIP where it was"),
        ("primary-power", {"requests": requests((112.0, 114.0), WIDE)}, "no second gap"),
        ("primary-power", {"runs": [replace(GOOD, executions=2)]}, "ran once: 1 of 1, first: exec"),
        ("valkey-freeze", {"restarted": ["n2"]}, "without a restart: n2"),
        ("valkey-freeze", {"requests": [Request("api", 101, 111, False)]}, "in time: 10.0 s"),
        ("valkey-all", {"requests": [Request("build", 101, 102, False, 500)]}, "clean 503s: 1"),
        (
            "postgres-freeze",
            {"samples": [Sample(n, 105, "pg_ack", True) for n in NODES]},
            "never two databases that acknowledge",
        ),
    ],
)
def test_checks_of_some_drills_can_fail(
    drill: str, changes: dict[str, object], reason: str
) -> None:
    good = {"requests": requests(cls=DRILLS[drill].classes), "runs": [GOOD]}
    assert reason not in judge(evidence(drill, **good)).reason
    assert reason in judge(evidence(drill, **{**good, **changes})).reason


def test_an_old_primary_that_thaws_may_be_open_but_only_where_the_drill_says_so() -> None:
    open_ = [*owners(), *(Sample(n, 105, "pg", True) for n in NODES)]
    assert "two " not in judge(evidence("postgres-freeze", samples=open_)).reason
    assert "two writable" in judge(evidence("primary-power", samples=open_)).reason


def test_masters_and_runs_are_recorded() -> None:
    samples = [*owners(), Sample("n2", 101, "valkey", True)]
    late = BackgroundRun("2", "b", 99, "queued")
    record = judge(evidence(samples=samples, runs=[GOOD, late]))
    assert record.masters == ((1.0, ("n2",)),)
    assert (record.runs, record.runs_wrong, record.runs_settled_s) == (2, 1, 1.0)


def test_a_holder_that_keeps_the_vip_through_a_blink_has_not_taken_it_back() -> None:
    stays = [Sample(n, 90 + i * 0.05, "vip", n == "n1") for i in range(800) for n in NODES]
    record = judge(
        evidence("haproxy-kill", samples=stays, without_power=frozenset(), requests=requests())
    )
    assert record.outcome is Outcome.PASSED


def test_all_nodes_off_may_leave_the_vip_without_an_owner_but_never_with_two() -> None:
    drill = {"targets": NODES, "without_power": frozenset(NODES), "steady_s": 90.0}
    assert judge(evidence("power-cycle", samples=owners(), **drill)).outcome is Outcome.PASSED
    assert (
        judge(evidence("power-cycle", samples=owners(back_at=115), **drill)).outcome
        is Outcome.FAILED
    )


def test_release_is_judged_by_the_target() -> None:
    good = judge(evidence("cut-off", samples=owners(dead=False), without_power=frozenset()))
    assert good.outcome is Outcome.PASSED, good.reason
    keeps = [s if s.node != "n1" else replace(s, value=True) for s in owners(dead=False)]
    assert (
        judge(evidence("cut-off", samples=keeps, without_power=frozenset())).outcome
        is Outcome.FAILED
    )


def test_the_control_run_fails_on_one_failed_request() -> None:
    calm = [Sample(n, 90 + i * 0.05, "vip", n == "n1") for i in range(800) for n in NODES]
    quiet = {"samples": calm, "without_power": frozenset(), "targets": ()}
    calm_load = requests(cls=DRILLS["none"].classes)
    assert judge(evidence("none", requests=calm_load, **quiet)).outcome is Outcome.PASSED
    one = [*calm_load, Request("api", 105, 105.1, False)]
    assert judge(evidence("none", requests=one, **quiet)).outcome is Outcome.FAILED


def test_summary_judges_p95_from_ten_runs_and_the_maximum_below() -> None:
    runs = [replace(judge(evidence()), measured=m) for m in (*([0.5] * 20), 1.6)]
    runs[-1] = replace(runs[-1], outcome=Outcome.FAILED, within_budget=False)
    (many,) = summarise(runs)
    assert many.outcome is Outcome.PASSED
    assert many.passed == 20
    (few,) = summarise(runs[-3:])
    assert few.outcome is Outcome.FAILED
    (unsafe,) = summarise([*runs[:20], replace(runs[0], safe=False)])
    assert unsafe.outcome is Outcome.FAILED


def test_the_table_shows_everything_at_80_columns() -> None:
    """The longest id and ten repetitions of the longest drill; rich marks what it cuts with an ellipsis."""
    long = max(DRILLS.values(), key=lambda drill: len(drill.id))
    runs = [
        replace(judge(evidence()), drill=long.id, measured=123.45, limit=600.0, budget_kind="exposure",
                acknowledged=123, classes={"ui": ClassStats(12345, 123, 1, 1, 1)})
        for _ in range(10)
    ]  # fmt: skip
    text = io.StringIO()
    Console(file=text, width=80).print(table(summarise(runs)))
    shown = text.getvalue()
    assert "…" not in shown
    for cell in (
        long.id,
        "exposure 600.00 s",
        "123.45 s",
        "1230/123450",
        "0/1230",
        "10/10",
        "PASS",
    ):
        assert cell in shown, shown


def test_a_figure_that_could_not_be_taken_is_over_budget() -> None:
    (summary,) = summarise([replace(judge(evidence()), measured=None)])
    assert summary.outcome is Outcome.FAILED


def test_skipped_is_not_passed() -> None:
    skip = skipped(DRILLS["none"], "test", 1, 0.0, "no standby")
    good = judge(evidence())
    assert exit_code(summarise([good])) == 0
    assert exit_code(summarise([good, skip])) == 3
    assert exit_code(summarise([good, skip, judge(evidence(integrity="bad"))])) == 1
    assert exit_code([]) == 3
    assert "no standby" in markdown(summarise([good, skip]), "test")
    assert "| SKIPPED |" in markdown(summarise([skip]), "test")


def test_the_catalogue_is_sound() -> None:
    assert len({drill.id for drill in CATALOGUE}) == len(CATALOGUE)
    for drill in CATALOGUE:
        assert drill.fault in FAULTS
        assert set(drill.budget.classes) <= set(drill.classes), drill.id
        assert drill.hold_s <= drill.hold_max_s
        if drill.budget.kind == "gap":
            # Up to the undo, or to the end of the load where the hold is drawn.
            assert drill.hold_max_s > drill.budget.limit or drill.hold_drawn, drill.id


def test_a_fault_of_a_drawn_length_is_measured_beyond_its_end() -> None:
    """The host thaws after 5 s, and writes come back only after 12 s more."""
    late = {"requests": requests((100.0, 117.0)), "undo_at": 105.0, "targets": ("n3",)}
    record = judge(evidence("host-freeze-5", without_power=frozenset(), **late))
    assert record.measured == pytest.approx(17.0, abs=0.1)


def thawing(until: float) -> list[Sample]:
    """n2 took the VIP over; n1, back at UNDO, believes until `until` that it still has it."""
    return owners() + [
        Sample("n1", UNDO + i * 0.05, "vip", True) for i in range(int((until - UNDO) / 0.05))
    ]


@pytest.mark.parametrize(("until", "fine"), [(UNDO + 2.5, True), (UNDO + 5, False)])
def test_a_thawed_owner_has_a_moment_to_let_go(until: float, fine: bool) -> None:
    samples = sorted(thawing(until), key=lambda s: (s.at, s.value is True))
    last = {(s.node, round(s.at, 3)): s for s in samples}
    record = judge(evidence("host-freeze-10", without_power=frozenset(), samples=[*last.values()]))
    assert ("exactly one VIP owner" not in record.reason) is fine, record.reason


@pytest.mark.parametrize(
    ("node", "at", "fine"), [("n1", 105, True), ("n2", 105, False), ("n2", UNDO + 1, True)]
)
def test_nobody_may_succeed_while_patroni_is_paused(node: str, at: float, fine: bool) -> None:
    samples = [*owners(), Sample(node, at, "pg", True)]
    record = judge(evidence("paused-power", samples=samples))
    assert (record.reason == "") is fine
    assert fine or "no successor while the fault lasted: n2" in record.reason


@pytest.mark.parametrize(("path", "fine"), [("n1 n2", True), ("n1 n2 n1", False)])
def test_one_move_is_enough(path: str, fine: bool) -> None:
    samples = [
        Sample(node, FAULT - 1 + 2 * i + j / 10, "pg", node == owner)
        for i, owner in enumerate(path.split())
        for j in range(20)
        for node in NODES
    ]
    record = judge(evidence("etcd-slow", samples=[*owners(), *samples], requests=()))
    assert record.measured == len(path.split()) - 1
    assert record.within_budget is fine


def test_without_balancers_nobody_has_to_own_the_vip() -> None:
    record = judge(evidence("etcd-slow", nodes=frozenset(), samples=(), without_power=frozenset()))
    assert not [check for check in record.checks if "VIP" in check.name]
