"""A soak: drills one after another in an order that a seed gives, until the time is over.

Each is a whole run of the skeleton, with a load of its own: so every repetition is verified and judged
before the next fault comes, and a finding belongs to one fault. The control run closes it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from random import Random

from langflow_ha.drill.catalogue import CATALOGUE, safety
from langflow_ha.drill.engine import WARM_UP_S, Engine
from langflow_ha.drill.model import Drill, Outcome, Record
from langflow_ha.drill.orders import drawn

CONTROL = next(drill for drill in CATALOGUE if drill.fault == "none")
POOL: tuple[Drill, ...] = tuple(
    drill
    for drill in CATALOGUE
    if drill is not CONTROL and (drill.profile == "short" or drill in safety.DRILLS)
)
"""Faults that the cluster survives in service. Not the whole site's power, nor a lost quorum."""


@dataclass(frozen=True, slots=True)
class Step:
    """One drill of a soak, with its hold as drawn."""

    drill: Drill
    repetition: int
    """The how many-th run of this drill in the soak, from 1 on."""


def steps(seed: int, pool: Sequence[Drill] = POOL) -> Iterator[Step]:
    """Yield the order for ever: all drills of the pool in any order, then all again in another."""
    random = Random(f"{seed} soak")  # noqa: S311 - an order, no secret
    repetition = 0
    while True:
        repetition += 1
        for drill in random.sample(pool, len(pool)):
            yield Step(drawn(drill, seed, repetition), repetition)


def planned(seed: int, minutes: float) -> list[Step]:
    """Return the steps that `minutes` can hold at most: none is shorter than its warm-up and its hold."""
    least = 0.0

    def fits(step: Step) -> bool:
        nonlocal least
        began, least = least, least + WARM_UP_S + step.drill.hold_s
        return began < 60 * minutes

    return list(takewhile(fits, steps(seed)))


async def soak(
    engine: Engine,
    minutes: float,
    seed: int,
    note: Callable[[Record], None],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run drills until `minutes` are over, the last one to its end, and the control run after them.

    It stops at the first repetition that is not safe, as what comes after would be about the damage,
    and when no drill could run for a whole round.
    """
    until = clock() + 60 * minutes
    idle = 0
    for step in steps(seed):
        if clock() >= until or idle == len(POOL):
            break
        record = await engine.run(step.drill, step.repetition, integrity=False)
        note(record)
        skipped = record.outcome is Outcome.SKIPPED
        idle = idle + 1 if skipped else 0
        if not skipped and not record.safe:
            break
    note(await engine.run(CONTROL))


def verdict(records: Sequence[Record]) -> tuple[Outcome, list[str]]:
    """Return how a soak ended, and why in lines for people; `records` end with the control run.

    Budgets are judged by `drill run`; here a figure over budget is told and fails nothing. A soak
    without a single fault, or without its control run, proves nothing and is skipped.
    """
    *faults, control = records
    ran = [record for record in faults if record.outcome is not Outcome.SKIPPED]
    unsafe = [record for record in ran if not record.safe]
    skipped = Counter(record.reason for record in faults if record.outcome is Outcome.SKIPPED)
    lines = [
        f"{len(ran)} faults, {sum(r.acknowledged for r in records)} writes acknowledged, "
        f"{sum(r.lost for r in records)} lost, {len(unsafe)} unsafe",
        *(f"UNSAFE {r.drill} {r.repetition}: {r.reason}" for r in unsafe),
        *(f"over budget: {r.drill} {r.repetition}" for r in ran if not r.within_budget),
        *(f"skipped {count} times: {reason}" for reason, count in skipped.most_common()),
        f"healthy at the end: {control.outcome.upper()} {control.reason}".rstrip(),
    ]
    if unsafe or control.outcome is Outcome.FAILED:
        return Outcome.FAILED, lines
    if not ran or control.outcome is Outcome.SKIPPED:
        return Outcome.SKIPPED, lines
    return Outcome.PASSED, lines
