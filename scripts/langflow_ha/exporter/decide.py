"""From looks at the database to counters, and to the next look. Pure: no clock, no socket, no file.

- **Each run is counted once**, although looks overlap: a run is written a moment after its end, and its end is by the
  clock of the node that ran it. What the overlap may show again is remembered by its id.
- **The cost is bounded.** A look that took long puts the next one off, so that looks take at most `share` of the
  time; one that read as many runs as it may is followed by another from where it ended.
- **The number of series is bounded.** Once `flows` flows have metrics, a further one takes the place of one without a
  run in the last hour, or its runs are counted as those of OTHER.
- Counters begin at 0 with the daemon; Prometheus knows counters that begin anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace

from langflow_ha.exporter.config import Config, Limits
from langflow_ha.exporter.model import (
    BUCKETS,
    Decision,
    Flow,
    Look,
    Pending,
    Question,
    Recent,
    Run,
    State,
)

OTHER = "other"
"""Id of all flows without metrics of their own."""
IDLE = 3600.0
"""A flow without a run for this long may lose its place, in seconds."""


def decide(config: Config, state: State, looks: Sequence[Look], now: float) -> Decision:
    """Return what is known after these looks, and what to ask now."""
    for look in looks:
        state = _taken(config.limits, replace(state, asked_at=None), look)
    if state.asked_at is not None or now < state.next_at:
        return Decision(state, None)
    return Decision(replace(state, asked_at=now), _question(config.limits, state))


def _question(limits: Limits, state: State) -> Question:
    if state.began is None:
        return Question(None)
    since = state.cursor if state.behind else state.cursor - limits.overlap
    return Question(max(since, state.began))


def _taken(limits: Limits, state: State, look: Look) -> State:
    rest = max(limits.interval, look.took / limits.share)
    state = replace(state, next_at=look.at + look.took + rest, took=look.took, error=look.error)
    if look.error:
        return replace(state, failures=state.failures + 1)
    if state.began is None:
        state = replace(state, began=look.now, cursor=look.now)
    new = [run for run in look.runs if run.id not in state.seen]
    flows = _counted(limits, state.flows, new)
    recent = [*state.recent, *(Recent(r.ended, _place(flows, r.flow), r.ok) for r in new)]
    cursor = max(state.cursor, look.runs[-1].ended) if look.full else look.now
    met_again = cursor - limits.overlap
    return replace(
        state,
        cursor=cursor,
        behind=look.full,
        seen={
            id_: ended
            for id_, ended in [*state.seen.items(), *((run.id, run.ended) for run in new)]
            if ended >= met_again
        },
        flows=flows,
        recent=tuple(run for run in recent if run.ended > look.now - limits.window),
        pending=_folded(flows, limits, look.pending),
        looked_at=look.at,
        # There is more: no need to wait, but the pause that the cost asks for.
        next_at=look.at + look.took / limits.share if look.full else state.next_at,
    )


def _counted(limits: Limits, before: dict[str, Flow], runs: Iterable[Run]) -> dict[str, Flow]:
    flows = dict(before)
    for run in runs:
        _make_room(flows, limits.flows, run)
        key = _place(flows, run.flow)
        flows[key] = _with(flows[key], run, run.name if key == run.flow else flows[key].name)
    return flows


def _make_room(flows: dict[str, Flow], most: int, run: Run) -> None:
    """See to it that a run has a place: its flow's own, one that an idle flow gives up, or OTHER's."""
    if run.flow in flows:
        return
    own = [key for key in flows if key != OTHER]
    if len(own) >= most:
        idle = min(own, key=lambda key: flows[key].last)
        if run.ended - flows[idle].last < IDLE:
            flows.setdefault(OTHER, Flow(OTHER))
            return
        del flows[idle]
    flows[run.flow] = Flow(run.name)


def _place(flows: dict[str, Flow], flow: str) -> str:
    return flow if flow in flows else OTHER


def _with(flow: Flow, run: Run, name: str) -> Flow:
    buckets = list(flow.buckets)
    if (index := bisect_left(BUCKETS, run.seconds)) < len(BUCKETS):
        buckets[index] += 1
    return replace(
        flow,
        name=name or flow.name,
        ok=flow.ok + run.ok,
        failed=flow.failed + (not run.ok),
        tokens=flow.tokens + max(0, run.tokens),
        seconds=flow.seconds + run.seconds,
        buckets=tuple(buckets),
        last=max(flow.last, run.ended),
    )


def _folded(
    flows: dict[str, Flow], limits: Limits, pending: Iterable[Pending]
) -> tuple[Pending, ...]:
    """Return what has not ended, of at most as many flows as may have metrics."""
    found: dict[tuple[str, str], Pending] = {}
    places = {key for key in flows if key != OTHER}
    for item in pending:
        if item.flow not in places and len(places) < limits.flows:
            places.add(item.flow)
        flow, name = (item.flow, item.name) if item.flow in places else (OTHER, OTHER)
        before = found.get((flow, item.state))
        found[flow, item.state] = Pending(
            flow,
            name,
            item.state,
            item.count + (before.count if before else 0),
            max(item.oldest, before.oldest if before else 0.0),
        )
    return tuple(found.values())
