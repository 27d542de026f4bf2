"""What is worth a line in the journal. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from langflow_ha.health.model import Observation
from langflow_ha.node.journal import INFO, WARNING, Event
from langflow_ha.runs.model import Closing, Decision


def transitions(old: Decision | None, new: Decision) -> Iterator[Event]:
    """Yield an event for everything that turned over; steady states are silent."""
    before = old.verdict if old else None
    for name in sorted(new.state.gone_since.keys() - (old.state.gone_since if old else {}).keys()):
        yield Event(WARNING, "node_silent", name)
    for name in sorted((old.state.gone_since if old else {}).keys() - new.state.gone_since.keys()):
        yield Event(INFO, "node_back", f"{name}: {'; '.join(new.verdict.signs.get(name, ()))}")
    if new.verdict.unknown and not (before and before.unknown):
        detail = f"{new.verdict.unknown} queued runs without a note of who accepted them"
        yield Event(WARNING, "runs_of_nobody", detail)


def attempt(result: Observation) -> Event:
    """The event of an attempt to close a run."""
    closing = result.found
    what = json.dumps(asdict(closing)) if isinstance(closing, Closing) else ""
    if result.ok:
        return Event(WARNING, "run_closed", f"{what} {result.detail}")
    return Event(WARNING, "run_not_closed", f"{what} {result.detail}")
