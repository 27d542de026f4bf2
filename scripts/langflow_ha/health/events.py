"""What changed between two decisions, as lines for the journal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from langflow_ha.health.config import Config
from langflow_ha.health.decide import Decision
from langflow_ha.health.knowledge import PEER, fresh_views
from langflow_ha.health.model import OUT, Recycling, Stage
from langflow_ha.node.journal import INFO, PAGE, WARNING, Event


def transitions(config: Config, old: Decision | None, new: Decision) -> Iterator[Event]:
    """Yield an event for everything that turned over; steady states are silent."""
    yield from _of_checks(old, new)
    yield from _of_peers(config, old, new)
    yield from _of_the_vip(old, new)
    yield from _of_langflow(old, new)
    yield from _of_recycling(config, old, new)


def _of_checks(old: Decision | None, new: Decision) -> Iterator[Event]:
    for name, check in new.state.checks.items():
        before = old.state.checks.get(name) if old else None
        if check.up and not (before and before.up):
            yield Event(INFO, "check_up", name)
        elif check.up is False and (before is None or before.up is not False):
            yield Event(WARNING, "check_down", f"{name}: {check.detail}")


def _of_peers(config: Config, old: Decision | None, new: Decision) -> Iterator[Event]:
    deaf_before = _deaf(config, old) if old else set()
    for name in sorted(_deaf(config, new) - deaf_before):
        yield Event(WARNING, "one_way_link", f"{name} answers, but cannot reach this node's agent")


def _deaf(config: Config, decision: Decision) -> set[str]:
    """Peers that this node reaches and that do not reach it: a firewall that is wrong one way."""
    views = fresh_views(config, decision.state)
    return {
        name
        for name, view in views.items()
        if config.node not in view.sees and decision.state.checks[PEER + name].successes > 10
    }


def _of_the_vip(old: Decision | None, new: Decision) -> Iterator[Event]:
    held, held_before = (d is not None and d.state.held_since is not None for d in (new, old))
    if held != held_before:
        yield Event(INFO, "vip_taken" if held else "vip_released", f"weight {new.verdict.weight}")
    before = old.verdict if old else None
    if before is None or (before.standing, before.weight) != (
        new.verdict.standing,
        new.verdict.weight,
    ):
        why = "; ".join(new.verdict.reasons)
        level = INFO if new.verdict.fit else WARNING
        detail = f"{new.verdict.standing}, weight {new.verdict.weight}" + (
            f": {why}" if why else ""
        )
        yield Event(level, "verdict", detail)
    if new.state.yielding and not (old and old.state.yielding):
        yield Event(PAGE, "two_vip_owners", "this node yields; look at VRRP between the nodes")
    if new.verdict.kill_keepalived:
        yield Event(WARNING, "keepalived_kill_requested", "it keeps the VIP in spite of a fault")


def _of_langflow(old: Decision | None, new: Decision) -> Iterator[Event]:
    word, before = new.verdict.agent_word, old.verdict.agent_word if old else ""
    if word != before:
        bad = word.startswith("down") and new.state.recycling.stage not in OUT
        level = WARNING if bad else INFO
        yield Event(level, "agent_word", word)
    if new.verdict.restart_langflow:
        tries = len(new.state.healing.attempts)
        yield Event(WARNING, "langflow_restart_requested", f"hung; try {tries}")
    if new.state.healing.exhausted and not (old and old.state.healing.exhausted):
        yield Event(PAGE, "langflow_healing_exhausted", "restarts did not help; no more tries")


def _of_recycling(config: Config, old: Decision | None, new: Decision) -> Iterator[Event]:
    before = old.state.recycling if old else Recycling()
    after, rules = new.state.recycling, config.recycling
    held = f"it holds {(after.memory or 0) >> 20} MiB, its bound is {rules.memory_bytes >> 20} MiB"
    if after.exhausted and not before.exhausted:
        detail = f"{held}, and {len(after.attempts)} gentle restarts did not last"
        yield Event(PAGE, "langflow_recycling_exhausted", detail)
    elif _waits(after) and not _waits(before):
        yield Event(WARNING, "recycle_waits", f"{held}; {'; '.join(after.hindrances)}")
    match before.stage, after.stage:
        case Stage.CLAIM, Stage.DRAIN:
            yield Event(INFO, "recycle_begun", f"{held}; it takes no new requests")
        case Stage.DRAIN, Stage.RESTART:
            left = "nobody knows how much" if after.in_flight is None else after.in_flight
            yield Event(INFO, "recycle_restart_requested", f"work still in flight: {left}")
        case Stage.DRAIN, Stage.IDLE:
            why = "; ".join(after.hindrances) or "it does not exceed its bound any more"
            yield Event(WARNING, "recycle_given_up", f"{why}; it takes requests again")
        case Stage.RESTART, Stage.IDLE if after.failed:
            detail = f"LangFlow is not back {rules.restart:g} s after its restart was asked for"
            yield Event(PAGE, "recycle_failed", detail)
        case Stage.RESTART, Stage.IDLE:
            yield Event(INFO, "recycle_done", "LangFlow is back, and takes requests")


def _waits(recycling: Recycling) -> bool:
    """Does it need a gentle restart, and something speaks against it?"""
    idle = recycling.stage is Stage.IDLE
    return idle and recycling.wanted and not recycling.exhausted and bool(recycling.hindrances)
