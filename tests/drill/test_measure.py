"""Each figure is shown on a case where it must speak up and on one where it must not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langflow_ha.drill import measure
from langflow_ha.drill.model import BackgroundRun, Holders, Request, Sample, Update


def ticks(
    start: float, stop: float, step: float = 0.05, cls: str = "ui", ok: bool = True
) -> list[Request]:
    count = round((stop - start) / step)
    return [Request(cls, start + i * step, start + i * step + 0.01, ok) for i in range(count)]


def test_gap_spans_the_fault() -> None:
    requests = ticks(0, 10) + ticks(10, 11.2, ok=False) + ticks(11.2, 20)
    assert measure.longest_gap(requests, "ui", 10.0, 20.0) == pytest.approx(1.25, abs=0.01)


def test_gap_of_an_undisturbed_client_is_its_own_interval() -> None:
    assert measure.longest_gap(ticks(0, 20), "ui", 10.0, 20.0) < 0.11


def test_gap_before_the_fault_does_not_count() -> None:
    requests = ticks(0, 3) + ticks(8, 20)
    assert measure.longest_gap(requests, "ui", 10.0, 20.0) < 0.11


def test_gap_ends_with_the_observation_when_the_client_never_recovers() -> None:
    assert measure.longest_gap(ticks(0, 10), "ui", 10.0, 20.0) == pytest.approx(10.04, abs=0.02)


def test_gap_without_any_success_is_the_whole_window() -> None:
    assert measure.longest_gap([], "ui", 10.0, 20.0) == 10.0


def test_answers_that_arrive_all_at_once_are_a_stall() -> None:
    held_up = [Request("ui", 10 + i * 0.05, 13.0, True) for i in range(60)]
    assert measure.longest_gap(ticks(0, 10) + held_up, "ui", 10.0, 13.1) == pytest.approx(
        3.04, abs=0.02
    )


@given(st.lists(st.floats(0, 100), max_size=40), st.floats(0, 50), st.floats(51, 100))
def test_gap_is_never_negative_nor_less_than_the_tail(
    ends: list[float], since: float, until: float
) -> None:
    requests = [Request("ui", end, end, True) for end in ends]
    gap = measure.longest_gap(requests, "ui", since, until)
    last = max([e for e in ends if e <= until], default=since)
    assert gap >= max(0.0, until - max(last, since)) - 1e-9


def test_failed_counts_only_the_named_classes_after_the_fault() -> None:
    requests = [
        Request("ui", 1, 1.1, False),
        Request("ui", 11, 11.1, False),
        Request("write", 11, 11.1, False),
        Request("api", 11, 11.1, True),
    ]
    assert measure.failed(requests, ("ui", "api"), 10) == 1


def test_exposure_is_the_last_ruined_request() -> None:
    requests = [
        Request("ui", 10.5, 10.6, False),
        Request("ui", 12.0, 15.0, True),
        Request("ui", 13.0, 13.1, True),
        Request("write", 14.0, 14.1, False),
    ]
    assert measure.exposure(requests, ("ui",), 10.0, 30.0) == pytest.approx(2.0)
    assert measure.exposure(requests[2:], ("ui",), 10.0, 30.0) == 0.0


def test_recovery_needs_a_streak_that_began_after_the_fault() -> None:
    late = [Request("ui", 9.0, 12.0, True)] * 3
    assert not measure.recovered(late, ("ui",), 10.0)
    broken = [
        Request("ui", t, t, ok) for t, ok in ((11, True), (12, True), (13, False), (14, True))
    ]
    assert not measure.recovered(broken, ("ui",), 10.0)
    assert measure.recovered(ticks(11, 12), ("ui",), 10.0)


def test_one_login_is_enough() -> None:
    assert measure.recovered([Request("login", 11, 11, True)], ("login",), 10.0)
    assert not measure.recovered([Request("login", 9, 11, True)], ("login",), 10.0)


def test_longest_wait_counts_failures_too() -> None:
    requests = [
        Request("ui", 1, 9, True),
        Request("ui", 11, 14, False),
        Request("run", 11, 20, True),
    ]
    assert measure.longest_wait(requests, ("ui",), 10.0) == 3
    assert measure.longest_wait([], ("ui",), 10.0) == 0


@pytest.mark.parametrize(
    ("request_", "clean"),
    [
        (Request("build", 11, 11.2, False, 503), True),
        (Request("build", 11, 18.9, False, 503), True),
        (Request("build", 11, 19.1, False, 503), False),
        (Request("build", 11, 11.2, False, 500), False),
        (Request("build", 11, 21.0, False), False),
        (Request("build", 9, 10.5, False), True),
        (Request("build", 11, 13.0, True, 200), True),
    ],
)
def test_a_clean_failure_is_a_503_that_comes_in_time(request_: Request, clean: bool) -> None:
    assert (measure.unclean([request_], ("build",), 10.0) == []) is clean


@pytest.mark.parametrize(
    ("updates", "now"),
    [
        ([("a", 1, 2, True), ("b", 3, 4, True)], "b"),
        ([("a", 1, 2, True), ("b", 3, math.inf, False)], "a b"),
        ([("a", 1, math.inf, False), ("b", 3, 4, True)], "a b"),
        ([("a", 1, 3.5, True), ("b", 3, 4, True)], "a b"),
        ([("a", 1, 2, False), ("b", 3, 4, True)], "b"),
        ([], ""),
    ],
)
def test_what_a_flow_may_hold(updates: list[tuple[str, float, float, bool]], now: str) -> None:
    made = [Update("f", revision, start, end, ok) for revision, start, end, ok in updates]
    assert sorted(measure.admissible(made)) == now.split()


@pytest.mark.parametrize(
    ("state", "later", "executions", "trouble"),
    [
        ("completed", "completed", 1, ""),
        ("failed", "failed", 0, ""),
        ("failed", "failed", 1, ""),
        ("queued", "queued", 0, "no definite state (queued)"),
        ("", "", -1, "no definite state (no answer)"),
        ("failed", "completed", 1, "was failed, then completed"),
        ("completed", "completed", 2, "executed 2 times"),
        ("completed", "completed", 0, "completed without a trace"),
        ("completed", "completed", -1, "executions could not be counted"),
    ],
)
def test_a_run_ends_once_and_runs_once(
    state: str, later: str, executions: int, trouble: str
) -> None:
    run = BackgroundRun("1", "t", 0, state, 1.0, later, executions)
    assert measure.run_trouble(run) == trouble


def test_settling_counts_from_the_later_of_fault_and_submission() -> None:
    runs = [
        BackgroundRun("1", "a", 5, "completed", 6),
        BackgroundRun("2", "b", 9, "failed", 28),
        BackgroundRun("3", "c", 20, "completed", 21),
        BackgroundRun("4", "d", 20, "queued"),
    ]
    assert measure.settling(runs, 10.0) == 18
    assert measure.settling(runs[:1], 10.0) is None


def test_quantile() -> None:
    assert measure.quantile([1, 2, 3, 4], 0.5) == 2.5
    assert measure.quantile([7], 0.95) == 7
    assert math.isnan(measure.quantile([], 0.5))


def vip(node: str, start: float, stop: float, value: bool | None) -> list[Sample]:
    return [
        Sample(node, start + i * 0.05, "vip", value) for i in range(round((stop - start) / 0.05))
    ]


def test_two_owners_are_seen_outside_the_window_only() -> None:
    samples = vip("n1", 0, 20, True) + vip("n2", 0, 10.5, False) + vip("n2", 10.5, 20, True)
    line = measure.holders(samples, "vip")
    nodes = frozenset({"n1", "n2"})
    assert measure.wrong_owner_counts(line, nodes, [(10, 12)])
    assert not measure.wrong_owner_counts(line, nodes, [(10, 20)])


def test_no_owner_is_only_known_when_everybody_was_seen() -> None:
    nodes = frozenset({"n1", "n2"})
    nobody = measure.holders(vip("n1", 0, 1, False) + vip("n2", 0, 1, False), "vip")
    assert measure.wrong_owner_counts(nobody, nodes, [])
    half = measure.holders(vip("n1", 0, 1, False), "vip")
    assert not measure.wrong_owner_counts(half, nodes, [])


def test_a_silent_node_is_no_owner_for_long() -> None:
    samples = vip("n1", 0, 10, True) + vip("n2", 0, 10.8, False) + vip("n2", 10.8, 12, True)
    assert not measure.several(measure.holders(samples, "vip"))


def test_several_writable_databases() -> None:
    samples = [Sample("n1", 1.0, "pg", True), Sample("n2", 1.1, "pg", True)]
    assert measure.several(measure.holders(samples, "pg"))
    apart = [Sample("n1", 1.0, "pg", True), Sample("n2", 3.1, "pg", True)]
    assert not measure.several(measure.holders(apart, "pg"))


def test_release() -> None:
    samples = vip("n1", 9, 10.8, True) + vip("n1", 10.8, 12, False)
    assert measure.release(samples, "n1", 10.0) == pytest.approx(0.75, abs=0.06)
    assert measure.release(vip("n1", 9, 12, True), "n1", 10.0) == math.inf
    flapping = samples + vip("n1", 12, 13, True)
    assert measure.release(flapping, "n1", 10.0) == math.inf
    assert measure.release([], "n1", 10.0) == math.inf


def test_took_back() -> None:
    line = measure.holders(vip("n1", 0, 5, False) + vip("n1", 5, 6, True), "vip")
    assert measure.took_back(line, frozenset({"n1"}), 2.0)
    assert not measure.took_back(line, frozenset({"n2"}), 2.0)


def test_changes_are_relative_and_merged() -> None:
    line = measure.holders(vip("n1", 9, 10, True) + vip("n1", 10, 11, False), "vip")
    assert measure.changes(line, 10.0) == ((-1.0, ("n1",)), (0.0, ()))


@pytest.mark.parametrize(
    ("others_pg", "by", "both"),
    [
        # Its standby is a primary itself now, so it answers for nothing that the old one commits.
        (True, ("n2",), False),
        # A third node would answer for it.
        (True, ("n3",), True),
        (True, ("n2", "n3"), True),
        # It waits for nobody, or the watcher could not name whom.
        (True, (), True),
        # Not promoted: nothing is known of it but that it acknowledges.
        (False, ("n2",), True),
    ],
)
def test_a_promoted_standby_acknowledges_nothing_for_the_old_primary(
    others_pg: bool, by: tuple[str, ...], both: bool
) -> None:
    samples = [
        Sample("n2", 1.0, "pg", others_pg),
        Sample("n2", 1.0, "pg_ack", True, ("n3",)),
        Sample("n1", 1.1, "pg", True),
        Sample("n1", 1.1, "pg_ack", True, by),
    ]
    assert bool(measure.several(measure.acknowledging(samples))) is both


def test_what_a_silent_node_last_said_of_acknowledging_counts_no_more() -> None:
    samples = [
        Sample("n1", 1.0, "pg_ack", True),
        Sample("n2", 1.0 + 2 * measure.STALE_S, "pg_ack", True),
    ]
    assert not measure.several(measure.acknowledging(samples))


def test_a_move_is_from_one_single_owner_to_another_after_the_fault() -> None:
    def line(*owners: str) -> list[Holders]:
        return [Holders(float(i), frozenset(o), frozenset("abc")) for i, o in enumerate(owners)]

    assert measure.moves(line("a", "a", "", "a"), 0) == 0
    assert measure.moves(line("a", "", "b", "ab", "b"), 0) == 1
    assert measure.moves(line("a", "b", "a"), 0) == 2
    assert measure.moves(line("a", "b", "a"), 2) == 1
    assert measure.moves([], 0) == 0
