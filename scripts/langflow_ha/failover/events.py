"""What changed between two decisions, as lines for the journal. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from langflow_ha.failover.model import Decision
from langflow_ha.health.model import Observation
from langflow_ha.node.journal import INFO, PAGE, WARNING, Event


def transitions(old: Decision | None, new: Decision) -> Iterator[Event]:
    """Yield an event for everything that turned over; steady states are silent."""
    verdict = new.verdict
    before = old.verdict if old else None
    suspected = old is not None and bool(old.verdict.suspects)
    if verdict.suspects:
        if not suspected or before is None or before.why_not != verdict.why_not:
            why = "; ".join(verdict.why_not) or "nothing speaks against ending the lease"
            yield Event(WARNING, "leader_silent", _detail(why, verdict.evidence))
    elif suspected:
        yield Event(INFO, "leader_suspected_no_more", _detail("", verdict.evidence))
    if verdict.end:
        yield Event(WARNING, "lease_to_be_ended", _detail("", verdict.evidence))
    if verdict.fence:
        text = "this node leads, is cut off, and stops its database"
        yield Event(PAGE, "fence_requested", _detail(text, verdict.evidence))


def attempt(result: Observation, evidence: dict[str, object]) -> Event:
    """The event of an attempt to end a lease."""
    if result.ok:
        return Event(PAGE, "lease_ended", _detail(result.detail, evidence))
    return Event(WARNING, "lease_not_ended", _detail(result.detail, evidence))


def _detail(text: str, evidence: dict[str, object]) -> str:
    return f"{text} {json.dumps(evidence)}".strip()
