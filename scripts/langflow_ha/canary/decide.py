"""Is the canary as good as the rest? Pure, with plain statistics; each question has a test of its own that fits it.

- Errors: Fisher's exact test. It holds for five requests as for five thousand; tests that take a number of errors for
  a bell curve do not, and errors are few.
- Time in the middle: Mann and Whitney's test, which asks how often a request to the canary takes longer than one to another node. A mean would
  be that of the few flows that run for minutes.
- Time at the end: the share of requests slower than 95 of 100 of the rest's, by Fisher's test again. One request in
  ten that hangs does not show in the middle.

Each may cry wolf once in a hundred canaries (`CERTAIN`). Not to be sure is no pass: too few requests, or errors that may be chance, are
"undecided".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from langflow_ha.canary.look import STEPS
from langflow_ha.status.model import NodeStatus

CERTAIN = 0.01
"""A difference that chance makes more rarely than this is one."""
SUSPICIOUS = 0.1
"""More errors than the rest, by a difference that chance makes more rarely than this, are no reason to promote."""
SLOWER_OFTEN = 0.65
"""Slower in more than this share of all pairs of requests: about a tenth more time would be certain, too, with enough requests."""
SLOW_TIMES = 2.0
"""This many times the rest's share of slow requests."""

ILL = 0.1
"""A rest of which more than this share of requests fails is nothing to compare with."""

PROMOTE, ABORT, UNDECIDED = "promote", "abort", "undecided"
EXIT = {PROMOTE: 0, ABORT: 1, UNDECIDED: 3}


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests to some LangFlows. `times`: step of the scale (`look.step_of`) -> number."""

    requests: int = 0
    errors: int = 0
    times: dict[int, int] = field(default_factory=dict)

    def quantile(self, share: float) -> float | None:
        """Return the milliseconds in which this share of the requests was answered; None without any."""
        step = _quantile(self.times, share)
        return None if step is None else 2 ** (step / STEPS) - 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, and why."""

    do: str
    because: tuple[str, ...]


def together(parts: Iterable[Traffic]) -> Traffic:
    """Return the sum."""
    requests = errors = 0
    times: dict[int, int] = {}
    for part in parts:
        requests, errors = requests + part.requests, errors + part.errors
        for step, number in part.times.items():
            times[step] = times.get(step, 0) + number
    return Traffic(requests, errors, times)


def decide(canary: Traffic, rest: Traffic, troubles: tuple[str, ...], wanted: int) -> Verdict:
    """Compare. `troubles`: what is wrong with the canary (`troubles_of`); `wanted`: requests to either side."""
    errors = at_least_as_many(canary.errors, canary.requests, rest.errors, rest.requests)
    bad = [*troubles]
    if errors < CERTAIN:
        bad.append(f"more errors than the rest{_chance(errors)}")
    bad += _slower(canary.times, rest.times)
    if bad:
        return Verdict(ABORT, tuple(bad))
    doubts = [
        f"not enough requests to {name}: {traffic.requests} of {wanted} wanted"
        for name, traffic in (("the canary", canary), ("the rest", rest))
        if traffic.requests < wanted
    ]
    if errors < SUSPICIOUS:
        doubts.append(f"more errors than the rest, which may be chance{_chance(errors)}")
    if rest.errors > ILL * rest.requests:
        doubts.append(f"{rest.errors / rest.requests:.0%} of the requests to the rest fail as well")
    if doubts:
        return Verdict(UNDECIDED, tuple(doubts))
    return Verdict(PROMOTE, ("neither more errors than the rest nor slower",))


def troubles_of(canary: NodeStatus, rest: Iterable[NodeStatus]) -> tuple[str, ...]:
    """Return what is wrong with the canary's LangFlow and not with all: a database that is away concerns every node."""
    found = []
    if not canary.langflow and any(node.langflow for node in rest):
        found.append("LangFlow is not ready, and elsewhere it is")
    if canary.langflow_restarts:
        found.append(f"LangFlow crashed or hung: started again {canary.langflow_restarts} times")
    return tuple(found)


def at_least_as_many(few: int, of_few: int, others: int, of_others: int) -> float:
    """Return how probable `few` or more of all errors are by chance among `of_few` requests (Fisher's exact test, one side)."""
    errors, requests = few + others, of_few + of_others
    ways = _log_ways(requests, errors)
    most = min(errors, of_few)
    return min(
        1.0,
        math.fsum(
            math.exp(_log_ways(of_few, k) + _log_ways(of_others, errors - k) - ways)
            for k in range(few, most + 1)
            if errors - k <= of_others
        ),
    )


def slower_in_pairs(canary: Mapping[int, int], rest: Mapping[int, int]) -> tuple[float, float]:
    """Return in what share of all pairs the canary is slower, and how probable that is by chance (Mann and Whitney, one side).

    Equal times count half.
    """
    m, n = sum(canary.values()), sum(rest.values())
    if not m or not n:
        return 0.5, 1.0
    won, below, tied = 0.0, 0, 0
    for step in sorted({*canary, *rest}):
        here, there = canary.get(step, 0), rest.get(step, 0)
        won += here * (below + there / 2)
        below += there
        tied += (here + there) ** 3 - (here + there)
    total = m + n
    variance = m * n / 12 * (total + 1 - tied / (total * (total - 1)))
    if variance <= 0:
        return 0.5, 1.0
    z = (won - m * n / 2) / math.sqrt(variance)
    return won / (m * n), math.erfc(z / math.sqrt(2)) / 2


def _slower(canary: Mapping[int, int], rest: Mapping[int, int]) -> list[str]:
    m, n = sum(canary.values()), sum(rest.values())
    limit = _quantile(rest, 0.95)
    if not m or limit is None:
        return []
    found = []
    often, chance = slower_in_pairs(canary, rest)
    if often > SLOWER_OFTEN and chance < CERTAIN:
        found.append(
            f"slower than the rest in {often:.0%} of all pairs of requests{_chance(chance)}"
        )
    slow = sum(number for step, number in canary.items() if step > limit)
    usual = sum(number for step, number in rest.items() if step > limit)
    chance = at_least_as_many(slow, m, usual, n)
    if slow / m > SLOW_TIMES * usual / n and chance < CERTAIN:
        found.append(
            f"{slow / m:.0%} of its requests are slower than 95 % of the rest's{_chance(chance)}"
        )
    return found


def _quantile(times: Mapping[int, int], share: float) -> int | None:
    wanted, seen = share * sum(times.values()), 0
    for step in sorted(times):
        seen += times[step]
        if seen >= wanted > 0:
            return step
    return None


def _log_ways(of: int, choose: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(choose + 1) - math.lgamma(of - choose + 1)


def _chance(p: float) -> str:
    return f" (by chance: {'less than 1 in 10000' if p < 1e-4 else f'1 in {1 / p:.0f}'})"
