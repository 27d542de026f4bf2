"""What the daemon shows of itself: to people, and to Prometheus. Pure, no secrets in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from langflow_ha.node.pages import as_json
from langflow_ha.node.prometheus import counter, gauge, page
from langflow_ha.runs.config import Config
from langflow_ha.runs.decide import noted
from langflow_ha.runs.model import Decision


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One decision, ready to be shown, and how often the daemon acted since it started."""

    config: Config
    decision: Decision
    start: str | None
    closed: int
    failed: int
    journal_dropped: int


def status_json(snap: Snapshot, now: float) -> bytes:
    """All there is to know, for people."""
    state, verdict = snap.decision.state, snap.decision.verdict
    status = {
        "node": snap.config.node,
        "start": snap.start,
        "queued": len(state.queue.runs) if state.queue else None,
        "queued_here": _queued_here(snap, now),
        "queue_age": round(now - state.queue.at, 3) if state.queue else None,
        "orphans": verdict.orphans,
        "of_nobody": verdict.unknown,
        "dead_for": {name: round(now - at, 3) for name, at in state.gone_since.items()},
        "signs_of_life": verdict.signs,
        "closed": snap.closed,
        "attempts_failed": snap.failed,
        "loop_age": _age(snap, now),
    }
    return as_json(status)


def metrics_text(snap: Snapshot, now: float) -> bytes:
    """Prometheus' text format."""
    return page(_metrics(snap, now))


def _metrics(snap: Snapshot, now: float) -> Iterator[str]:
    state, verdict = snap.decision.state, snap.decision.verdict
    age = now - state.queue.at if state.queue else float("inf")
    yield from gauge("runs_queue_age_seconds", "Age of the last look at the queue.", age)
    yield from gauge("runs_orphans", "Queued runs that can never start.", verdict.orphans)
    yield from gauge("runs_of_nobody", "Queued runs nobody is known to have.", verdict.unknown)
    yield from counter("runs_closed_total", "Queued runs of gone LangFlows closed.", snap.closed)
    yield from counter("runs_attempts_failed_total", "Attempts that failed.", snap.failed)
    yield from counter("runs_journal_dropped_total", "Events lost.", snap.journal_dropped)
    yield from gauge("runs_loop_age_seconds", "Age of the last decision.", _age(snap, now))


def _queued_here(snap: Snapshot, now: float) -> int | None:
    """How many runs wait in the LangFlow that runs here, and end with it; None when that is not known."""
    queue, start = snap.decision.state.queue, snap.start
    if start is None or queue is None or now - queue.at > snap.config.limits.fresh:
        return None
    return sum(run.accepted_by == noted(start, snap.config.node) for run in queue.runs)


def _age(snap: Snapshot, now: float) -> float:
    return round(now - (snap.decision.state.decided_at or 0.0), 3)
