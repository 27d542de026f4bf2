"""What changed between two decisions, as lines for the journal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from langflow_ha.health.config import Config
from langflow_ha.health.decide import PEER, Decision, fresh_views
from langflow_ha.node.journal import INFO, PAGE, WARNING, Event


def transitions(config: Config, old: Decision | None, new: Decision) -> Iterator[Event]:
    """Yield an event for everything that turned over; steady states are silent."""
    yield from _of_checks(old, new)
    yield from _of_peers(config, old, new)
    yield from _of_the_vip(old, new)
    yield from _of_langflow(old, new)


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
        level = WARNING if word.startswith("down") else INFO
        yield Event(level, "agent_word", word)
    if new.verdict.restart_langflow:
        tries = len(new.state.healing.attempts)
        yield Event(WARNING, "langflow_restart_requested", f"hung; try {tries}")
    if new.state.healing.exhausted and not (old and old.state.healing.exhausted):
        yield Event(PAGE, "langflow_healing_exhausted", "restarts did not help; no more tries")
