"""The verdict on a canary, by tables; and the statistics against values that are known from elsewhere."""

from __future__ import annotations

import math
import random

import pytest
from langflow_ha.canary.decide import (
    ABORT,
    PROMOTE,
    UNDECIDED,
    Traffic,
    Verdict,
    at_least_as_many,
    decide,
    slower_in_pairs,
    together,
    troubles_of,
)
from langflow_ha.canary.look import step_of
from langflow_ha.status.model import NodeStatus

WANTED = 200


def times(*pairs: tuple[float, int]) -> dict[int, int]:
    """Milliseconds and how many requests took them."""
    return {step_of(milliseconds): number for milliseconds, number in pairs}


def traffic(requests: int, errors: int = 0, *pairs: tuple[float, int], like: int = 100) -> Traffic:
    """Requests of which most take `like` ms, unless said otherwise."""
    return Traffic(requests, errors, times(*(pairs or ((like, requests - errors),))))


def verdict(canary: Traffic, rest: Traffic, *troubles: str) -> Verdict:
    return decide(canary, rest, troubles, WANTED)


def test_as_good_as_the_rest_is_promoted() -> None:
    assert verdict(traffic(300, 1), traffic(3000, 10)).do == PROMOTE


@pytest.mark.parametrize(
    ("canary", "rest", "doubt"),
    [
        (traffic(0), traffic(5000), "not enough requests to the canary: 0 of 200 wanted"),
        (traffic(199), traffic(5000), "not enough requests to the canary: 199 of 200 wanted"),
        (traffic(500), traffic(0), "not enough requests to the rest: 0 of 200 wanted"),
        (traffic(1, 1), traffic(2), "not enough requests to the canary: 1 of 200 wanted"),
    ],
)
def test_few_requests_never_pass(canary: Traffic, rest: Traffic, doubt: str) -> None:
    found = verdict(canary, rest)
    assert found.do == UNDECIDED and doubt in found.because


def test_one_more_than_too_few_is_enough() -> None:
    assert verdict(traffic(200), traffic(200)).do == PROMOTE


def test_a_canary_that_fails_all_is_aborted_before_there_are_enough() -> None:
    found = verdict(traffic(6, 6), traffic(100))
    assert (
        found.do == ABORT and "more errors than the rest (by chance: less than" in found.because[0]
    )


@pytest.mark.parametrize(
    ("errors", "do"), [(0, PROMOTE), (3, PROMOTE), (8, UNDECIDED), (30, ABORT), (300, ABORT)]
)
def test_errors_beside_one_in_a_hundred(errors: int, do: str) -> None:
    found = verdict(traffic(400, errors), traffic(4000, 40))
    assert found.do == do, found
    assert do == PROMOTE or "more errors" in found.because[0]


def test_fewer_errors_than_the_rest_are_no_reason_to_abort() -> None:
    assert verdict(traffic(400, 0), traffic(4000, 200)).do == PROMOTE


@pytest.mark.parametrize("errors", [0, 200, 400])
def test_an_outage_says_nothing_about_the_canary(errors: int) -> None:
    found = verdict(traffic(400, errors), traffic(4000, 4000))
    assert found == Verdict(UNDECIDED, ("100% of the requests to the rest fail as well",))


def test_a_canary_that_is_slower_throughout_is_aborted() -> None:
    found = verdict(traffic(300, like=200), traffic(3000, like=100))
    assert found.do == ABORT and "slower than the rest in 100% of all pairs" in found.because[0]


def test_a_fifth_slower_in_some_requests_is_no_reason() -> None:
    canary = traffic(300, 0, (100, 225), (120, 75))
    assert verdict(canary, traffic(3000)).do == ABORT, "the rest never took so long"
    usual = traffic(3000, 0, (100, 2700), (120, 300))
    assert verdict(traffic(300, 0, (100, 250), (120, 50)), usual).do == PROMOTE


def test_one_in_ten_that_hangs_does_not_show_in_the_middle_and_is_found() -> None:
    rest = traffic(3000, 0, (20, 1500), (300, 1480), (60000, 20))
    canary = traffic(300, 0, (20, 135), (300, 135), (30000, 30))
    often, _ = slower_in_pairs(canary.times, rest.times)
    assert often < 0.6
    found = verdict(canary, rest)
    assert found.do == ABORT and "10% of its requests are slower than 95 %" in found.because[0]


def test_a_few_long_flows_do_not_make_a_canary_slow() -> None:
    """Their mean would: 4 s against 0.1 s."""
    rest = traffic(3000, 0, (100, 2980), (120000, 20))
    assert verdict(traffic(300, 0, (100, 298), (120000, 2)), rest).do == PROMOTE


def test_trouble_of_the_canary_alone_is_enough() -> None:
    found = verdict(traffic(3000), traffic(3000), "LangFlow is not ready")
    assert found == Verdict(ABORT, ("LangFlow is not ready",))


def langflow(name: str, ready: bool, restarts: int = 0) -> NodeStatus:
    return NodeStatus(name, frozenset({"langflow"}), langflow=ready, langflow_restarts=restarts)


def test_what_all_nodes_suffer_from_is_no_trouble_of_the_canary() -> None:
    up, down = langflow("n1", True), langflow("n2", False)
    assert troubles_of(langflow("n3", True), [up, down]) == ()
    assert troubles_of(langflow("n3", False), [down]) == ()
    assert "not ready, and elsewhere it is" in troubles_of(langflow("n3", False), [up, down])[0]
    assert "started again 2 times" in troubles_of(langflow("n3", True, 2), [up])[0]


def test_fisher_s_test_as_in_the_book() -> None:
    """Fisher's tea: 3 of 4 cups told right, and 1 of the other 4: 17 of 70."""
    assert at_least_as_many(3, 4, 1, 4) == pytest.approx(17 / 70)
    assert at_least_as_many(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert at_least_as_many(0, 4, 3, 4) == pytest.approx(1.0)
    assert at_least_as_many(0, 0, 0, 0) == 1.0


def test_mann_and_whitney_s_test() -> None:
    same = {1: 50, 2: 50}
    assert slower_in_pairs(same, same) == pytest.approx((0.5, 0.5))
    assert slower_in_pairs({}, same) == (0.5, 1.0)
    assert slower_in_pairs({3: 9}, {3: 9}) == (0.5, 1.0), "all alike: there is nothing to tell"
    often, chance = slower_in_pairs({9: 50}, {1: 50})
    assert often == 1.0 and chance < 1e-10
    # Without ties, against the formula of the books: U = 26 of 30 pairs, z = 11 / sqrt(30), no correction for continuity.
    often, chance = slower_in_pairs(
        {4: 1, 7: 1, 8: 1, 9: 1, 11: 1, 10: 1}, {1: 1, 2: 1, 3: 1, 5: 1, 6: 1}
    )
    assert often == pytest.approx(28 / 30)
    assert chance == pytest.approx(math.erfc(13 / math.sqrt(30) / math.sqrt(2)) / 2)


def test_equal_nodes_are_rarely_told_apart() -> None:
    """What "certain" promises, with times as flows have them: three tests, each wrong once in a hundred."""
    chance = random.Random(7)

    def drawn(requests: int) -> Traffic:
        found: dict[int, int] = {}
        for _ in range(requests):
            step = step_of(chance.lognormvariate(5, 1.5))
            found[step] = found.get(step, 0) + 1
        errors = sum(chance.random() < 0.01 for _ in range(requests))
        return Traffic(requests, errors, found)

    aborted = sum(verdict(drawn(250), drawn(2500)).do == ABORT for _ in range(200))
    assert aborted <= 8


def test_balancers_are_added_up_and_a_quantile_is_a_time() -> None:
    both = together([traffic(10, 1, (100, 9)), traffic(5, 0, (100, 3), (900, 2))])
    assert (both.requests, both.errors) == (15, 1)
    assert both.quantile(0.5) == pytest.approx(100, rel=0.1)
    assert both.quantile(0.95) == pytest.approx(900, rel=0.1)
    assert Traffic().quantile(0.5) is None
