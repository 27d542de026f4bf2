"""What the daemon shows of itself: to people, and to Prometheus. Pure, no secrets in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from langflow_ha.failover.config import Config
from langflow_ha.failover.model import Decision
from langflow_ha.node.pages import as_json
from langflow_ha.node.prometheus import counter, gauge, page


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One decision, ready to be shown, and how often the daemon acted since it started."""

    config: Config
    decision: Decision
    ended: int
    failed: int
    fences: int
    journal_dropped: int


def status_json(snap: Snapshot, now: float) -> bytes:
    """All there is to know, for people."""
    verdict = snap.decision.verdict
    status = {
        "node": snap.config.node,
        "suspects": sorted(verdict.suspects),
        "why_not": verdict.why_not,
        "evidence": verdict.evidence,
        "leases_ended": snap.ended,
        "attempts_failed": snap.failed,
        "fences": snap.fences,
        "loop_age": _age(snap, now),
    }
    return as_json(status)


def metrics_text(snap: Snapshot, now: float) -> bytes:
    """Prometheus' text format."""
    return page(_metrics(snap, now))


def _metrics(snap: Snapshot, now: float) -> Iterator[str]:
    verdict, state = snap.decision.verdict, snap.decision.state
    yield from gauge("failover_leader_silent", "1 while it is suspected.", bool(verdict.suspects))
    age = now - state.cluster.at if state.cluster else float("inf")
    yield from gauge("failover_etcd_age_seconds", "Age of the last good read.", age)
    yield from gauge("failover_cut_off", "1 on a cut-off leader.", state.cut_since is not None)
    yield from counter("failover_leases_ended_total", "Leases ended.", snap.ended)
    yield from counter("failover_attempts_failed_total", "Attempts that failed.", snap.failed)
    yield from counter("failover_fences_total", "Fences of this node.", snap.fences)
    yield from counter("failover_journal_dropped_total", "Events lost.", snap.journal_dropped)
    yield from gauge("failover_loop_age_seconds", "Age of the last decision.", _age(snap, now))


def _age(snap: Snapshot, now: float) -> float:
    return round(now - (snap.decision.state.decided_at or 0.0), 3)
