"""What the agent shows of itself: to peers, to people, to Prometheus. Pure, no secrets in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from langflow_ha.health.config import Config
from langflow_ha.health.decide import Decision
from langflow_ha.health.knowledge import PEER, TIE_BREAKER
from langflow_ha.health.model import OUT, Standing
from langflow_ha.node.pages import as_json
from langflow_ha.node.prometheus import counter, family, gauge, page


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One decision, ready to be shown. `weight` is what stands in the tracked file."""

    config: Config
    decision: Decision
    weight: int
    boot_id: str
    seq: int
    transitions: int
    restarts: int
    recycles: int
    journal_dropped: int


def peer_json(snap: Snapshot, now: float) -> bytes:
    """The short view that peers poll."""
    state, verdict = snap.decision.state, snap.decision.verdict
    decided_at, held = state.decided_at or 0.0, state.held_since
    peers = {n.removeprefix(PEER): c for n, c in state.checks.items() if n.startswith(PEER)}
    return as_json(
        {
            "name": snap.config.node,
            "fit": verdict.fit,
            "isolated": verdict.standing is Standing.ISOLATED,
            "vip_held_for": None if held is None else round(now - held, 3),
            "checks": {
                name: check.up
                for name, check in state.checks.items()
                if check.up is not None and not name.startswith((PEER, TIE_BREAKER))
            },
            "sees": [name for name, check in peers.items() if check.up],
            "boot_id": snap.boot_id,
            "seq": snap.seq,
            "loop_age": round(now - decided_at, 3),
            "recycling": state.recycling.stage,
            "carries": not verdict.agent_word.startswith(("down", "up 0%")),
        }
    )


def status_json(snap: Snapshot, now: float) -> bytes:
    """All there is to know, for people and for the controller."""
    state, verdict = snap.decision.state, snap.decision.verdict
    return as_json(
        {
            "node": snap.config.node,
            "standing": verdict.standing,
            "weight": snap.weight,
            "reasons": verdict.reasons,
            "vip_held": state.held_since is not None,
            "agent_check": verdict.agent_word,
            "canary_weight": verdict.canary_weight,
            "checks": {name: asdict(check) for name, check in state.checks.items()},
            "peers": {name: asdict(view) for name, view in state.peers.items()},
            "healing": asdict(state.healing),
            "recycling": asdict(state.recycling),
            "transitions": snap.transitions,
            "langflow_restarts": snap.restarts,
            "langflow_recycles": snap.recycles,
            "loop_age": round(now - (state.decided_at or 0.0), 3),
            "seq": snap.seq,
        }
    )


def metrics_text(snap: Snapshot, now: float) -> bytes:
    """Prometheus' text format."""
    return page(_metrics(snap, now))


def _metrics(snap: Snapshot, now: float) -> Iterator[str]:
    state, verdict = snap.decision.state, snap.decision.verdict
    own = {n: c for n, c in state.checks.items() if not n.startswith(PEER)}
    peers = {n.removeprefix(PEER): c for n, c in state.checks.items() if n.startswith(PEER)}
    yield from gauge("vip_held", "1 while this node holds the VIP.", state.held_since is not None)
    yield from gauge("vip_weight", "What the agent adds to the VRRP priority.", snap.weight)
    yield from gauge("fit", "1 while this node may hold the VIP.", verdict.fit)
    isolated = verdict.standing is Standing.ISOLATED
    yield from gauge("isolated", "1 while no majority is in reach.", isolated)
    yield from gauge("yielding", "1 while this node yields to a second owner.", state.yielding)
    up = {name: bool(check.up) for name, check in own.items()}
    yield from family("check_ok", "gauge", "1 while the check is up.", "check", up)
    failures = {name: check.failures for name, check in own.items()}
    yield from family(
        "check_consecutive_failures", "gauge", "Failures in a row.", "check", failures
    )
    reach = {name: bool(check.up) for name, check in peers.items()}
    yield from family("peer_reachable", "gauge", "1 while the peer answers.", "peer", reach)
    mutual = {name: snap.config.node in view.sees for name, view in state.peers.items()}
    yield from family("peer_sees_me", "gauge", "1 while the peer reaches us.", "peer", mutual)
    exhausted = state.healing.exhausted
    share = 100 if verdict.canary_weight is None else verdict.canary_weight
    yield from gauge("traffic_percent", "Percent of a full share; 100 but for a canary.", share)
    yield from gauge("healing_exhausted", "1 when restarts of LangFlow did not help.", exhausted)
    yield from counter("langflow_restarts_total", "Restarts asked for.", snap.restarts)
    if snap.config.langflow:
        yield from _of_recycling(snap)
    yield from counter("transitions_total", "Events recorded.", snap.transitions)
    yield from counter("journal_dropped_total", "Events lost.", snap.journal_dropped)
    age = round(now - (state.decided_at or 0.0), 3)
    yield from gauge("loop_age_seconds", "Age of the last decision.", age)


def _of_recycling(snap: Snapshot) -> Iterator[str]:
    now_at, bound = snap.decision.state.recycling, snap.config.recycling.memory_bytes
    if now_at.memory is not None:
        text = "What LangFlow holds and only its end frees."
        yield from gauge("langflow_memory_bytes", text, now_at.memory)
    yield from gauge("langflow_memory_bound_bytes", "Above it for long: restarted gently.", bound)
    yield from gauge("recycling", "1 while LangFlow is out for that.", now_at.stage in OUT)
    yield from gauge("recycle_wanted", "1 while it needs that.", now_at.wanted)
    yield from gauge("recycling_exhausted", "1 when it needs that too often.", now_at.exhausted)
    yield from counter("langflow_recycles_total", "Gentle restarts asked for.", snap.recycles)
