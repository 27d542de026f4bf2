"""The names of checks, and what is known of one or of a peer at a moment. Pure."""

from __future__ import annotations

from langflow_ha.health.config import Config, Pace
from langflow_ha.health.model import PeerView, State

HAPROXY, USABLE, LANGFLOW, SHARE = "haproxy", "usable", "langflow", "share"
WHOLE, MEMORY, WORK = "whole", "memory", "work"
PEER, TIE_BREAKER = "peer:", "tie:"


def fresh_views(config: Config, state: State) -> dict[str, PeerView]:
    """What reachable peers say, without those whose own knowledge is stale."""
    return {
        name: view
        for name, view in state.peers.items()
        if up(state, PEER + name) and view.loop_age <= config.limits.peer_view_age
    }


def up(state: State, check: str) -> bool | None:
    """Is the check up? None = not seen yet."""
    known = state.checks.get(check)
    return None if known is None else known.up


def own_backends_work(config: Config, state: State) -> bool:
    """Is nothing that the local LangFlow depends on known to fail here?"""
    needed = (*(b.name for b in config.backends), SHARE)
    return not any(up(state, name) is False for name in needed)


def pace_of(config: Config, check: str) -> Pace:
    """The pace of a check, by its name."""
    if check.startswith((PEER, TIE_BREAKER)):
        return config.paces.peer
    named = {
        HAPROXY: config.paces.haproxy,
        USABLE: config.paces.usable,
        WHOLE: config.paces.usable,
        LANGFLOW: config.paces.langflow,
        SHARE: config.paces.share,
        MEMORY: config.paces.burden,
        WORK: config.paces.burden,
    }
    return named.get(check, config.paces.backend)
