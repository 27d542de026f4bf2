"""When a LangFlow that leaks is restarted gently: out of traffic, its work done, back again. Pure.

One that holds more memory than its bound for long is restarted while it still works, before its unit's limits
slow it down or kill it in the middle of its work. One node at a time, without anybody who could be down: a node
first *claims*, for as long as it takes every other to hear of it, and goes on only while all others are seen,
none of them has begun, and none of a lower number in the list of members claims too. Of two that claim together
at least one has therefore seen the other's claim, and that of the higher number gives way. Who cannot see them
all does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from langflow_ha.health.config import RecyclingRules
from langflow_ha.health.knowledge import MEMORY, WORK
from langflow_ha.health.model import Observation, Recycling, Stage

_HEARD = 5.0
"""Seconds after which every balancer has asked the agent, and its last requests have begun."""


def recycle(
    rules: RecyclingRules,
    before: Recycling,
    news: Iterable[Observation],
    *,
    ready: bool,
    hindrances: Sequence[str],
    now: float,
) -> tuple[Recycling, bool]:
    """Return where recycling stands now, and whether to request the restart at this moment.

    `news` are new observations of any check, oldest first. `ready`: LangFlow here is. `hindrances`:
    what speaks against taking it out of traffic, or keeping it out while it still works.
    """
    current = before
    for observation in news:
        current = _note(rules, current, observation)
    current = replace(
        current,
        attempts=tuple(at for at in current.attempts if now - at < rules.window),
        hindrances=tuple(hindrances),
    )
    match current.stage:
        case Stage.IDLE | Stage.CLAIM:
            return _consider(rules, current, ready=ready, now=now), False
        case Stage.DRAIN:
            return _drain(rules, current, now=now)
        case Stage.RESTART:
            return _await_return(rules, current, ready=ready, now=now), False


def forget(recycling: Recycling) -> Recycling:
    """Forget what was seen before a sleep. A claim that nobody heard in the meantime is none."""
    stage = Stage.IDLE if recycling.stage is Stage.CLAIM else recycling.stage
    return replace(recycling, stage=stage, memory=None, over_since=None, in_flight=None)


def wanted(rules: RecyclingRules, recycling: Recycling, now: float) -> bool:
    """Has it held more than its bound for long enough?"""
    return recycling.over_since is not None and now - recycling.over_since >= rules.after


def _note(rules: RecyclingRules, current: Recycling, observation: Observation) -> Recycling:
    found = observation.found if isinstance(observation.found, int) else None
    if observation.check == WORK:
        return replace(current, in_flight=found, counted_at=observation.at)
    if observation.check != MEMORY:
        return current
    over = found is not None and 0 < rules.memory_bytes < found
    since = current.over_since if current.over_since is not None else observation.at
    return replace(current, memory=found, over_since=since if over else None)


def _consider(rules: RecyclingRules, current: Recycling, *, ready: bool, now: float) -> Recycling:
    want = wanted(rules, current, now)
    exhausted = want and len(current.attempts) >= rules.tries
    current = replace(current, wanted=want, exhausted=exhausted)
    if not want or exhausted or not ready or current.hindrances:
        return replace(current, stage=Stage.IDLE)
    if current.stage is Stage.IDLE:
        return replace(current, stage=Stage.CLAIM, since=now)
    if now - current.since < rules.claim:
        return current
    return replace(current, stage=Stage.DRAIN, since=now, attempts=(*current.attempts, now))


def _drain(rules: RecyclingRules, current: Recycling, *, now: float) -> tuple[Recycling, bool]:
    # Without its bound exceeded there is nothing left to mend: it ended by itself, or its work needed so much.
    if current.hindrances or current.over_since is None:
        return replace(current, stage=Stage.IDLE), False
    counted = current.counted_at - current.since >= _HEARD
    if not (counted and current.in_flight == 0) and now - current.since < rules.drain:
        return current, False
    return replace(current, stage=Stage.RESTART, since=now, gone=False), True


def _await_return(
    rules: RecyclingRules, current: Recycling, *, ready: bool, now: float
) -> Recycling:
    gone = current.gone or not ready
    back, late = gone and ready, now - current.since >= rules.restart
    if not back and not late:
        return replace(current, gone=gone)
    return replace(current, stage=Stage.IDLE, wanted=False, over_since=None, failed=not back)
