"""When to ask for a restart of a hung LangFlow. Pure.

Hung means: it accepts connections and answers none, without a break. A refused connection or an
answer, even an error, proves that the process is gone, starting, or alive, and needs no help:
systemd restarts what is dead, and what answers "not ready" knows why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from langflow_ha.health.config import HealingRules
from langflow_ha.health.model import Healing, Observation, Outcome


def heal(
    rules: HealingRules,
    before: Healing,
    readiness: Iterable[Observation],
    only_here: bool,
    now: float,
) -> tuple[Healing, bool]:
    """Return where healing stands now, and whether to request a restart at this moment.

    `readiness` are the new observations of LangFlow's readiness, oldest first. `only_here` is
    False while the trouble is shared (database down, peers failing too): a restart mends nothing
    then, and LangFlow cannot even start without its database. A hang counts only while it is
    this node's alone, without a break.
    """
    now_at = before
    for observation in readiness:
        now_at = _note(now_at, observation)
    now_at = replace(now_at, attempts=_within(rules, now_at.attempts, now))
    if not only_here and now_at.hung_since is not None:
        # Overload makes nodes miss their time in turns. Two of three were restarted in the same
        # second when a glimpse of a ready peer was enough, and the third got all the load.
        now_at = replace(now_at, hung_since=now)
    if not _hung(rules, now_at, now):
        return now_at, False
    if now < _next_try(rules, now_at):
        return now_at, False
    if len(now_at.attempts) >= rules.tries:
        return replace(now_at, exhausted=True), False
    return replace(now_at, attempts=(*now_at.attempts, now)), True


def _note(healing: Healing, observation: Observation) -> Healing:
    match observation.outcome:
        case Outcome.OK:
            return replace(healing, ready_before=True, hung_since=None, exhausted=False)
        case Outcome.FAILED:
            return replace(healing, ready_before=False, hung_since=None)
        case Outcome.TIMED_OUT:
            since = observation.at if healing.hung_since is None else healing.hung_since
            return replace(healing, hung_since=since)


def _hung(rules: HealingRules, healing: Healing, now: float) -> bool:
    # The port opens long before LangFlow can answer: one that has not been ready yet is starting.
    patience = rules.hung_after if healing.ready_before else rules.start_grace
    return healing.hung_since is not None and now - healing.hung_since >= patience


def _within(rules: HealingRules, attempts: tuple[float, ...], now: float) -> tuple[float, ...]:
    return tuple(at for at in attempts if now - at < rules.window)


def _next_try(rules: HealingRules, healing: Healing) -> float:
    """The first moment of the next try: backoff, twice that, four times that after each one."""
    if not healing.attempts:
        return float("-inf")
    wait: float = rules.backoff * 2 ** (len(healing.attempts) - 1)
    return healing.attempts[-1] + wait
