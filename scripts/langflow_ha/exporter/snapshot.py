"""What the daemon shows: to Prometheus, and of itself to people. Pure, no secrets in it.

Every exporter reads the same database and tells the same, so queries take the maximum over them, never the sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from langflow_ha.exporter.config import Config
from langflow_ha.exporter.model import BUCKETS, Flow, State
from langflow_ha.node.pages import as_json
from langflow_ha.node.prometheus import Sample, metric, page


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known, ready to be shown."""

    config: Config
    state: State


def status_json(snap: Snapshot, now: float) -> bytes:
    """All there is to know of the daemon, for people."""
    state = snap.state
    return as_json(
        {
            "error": state.error,
            "looked_ago": None if state.looked_at is None else round(now - state.looked_at, 1),
            "look_took": round(state.took, 3),
            "next_look_in": round(state.next_at - now, 1),
            "behind": state.behind,
            "failures": state.failures,
            "flows": {key: flow.name for key, flow in state.flows.items()},
        }
    )


def metrics_text(snap: Snapshot, now: float) -> bytes:
    """Prometheus' text format."""
    return page([*_flows(snap), *_pending(snap), *_itself(snap, now)])


def _labels(key: str, flow: Flow) -> dict[str, str]:
    return {"flow_id": key, "flow": flow.name or key}


def _flows(snap: Snapshot) -> Iterator[str]:
    state, window = snap.state, snap.config.limits.window
    flows = sorted(state.flows.items())
    all_runs: list[Sample] = []
    tokens: list[Sample] = []
    durations: list[Sample] = []
    for key, flow in flows:
        labels = _labels(key, flow)
        all_runs.append(("", {**labels, "result": "success"}, flow.ok))
        all_runs.append(("", {**labels, "result": "error"}, flow.failed))
        tokens.append(("", labels, flow.tokens))
        durations.extend(_histogram(labels, flow))
    yield from metric("langflow_runs_total", "counter", "Runs that ended.", all_runs)
    yield from metric("langflow_run_tokens_total", "counter", "Tokens of language models.", tokens)
    text = "Time of a run from its start to its end."
    yield from metric("langflow_run_duration_seconds", "histogram", text, durations)

    ended = Counter(run.flow for run in state.recent)
    failed = Counter(run.flow for run in state.recent if not run.ok)
    pace = [("", _labels(key, flow), ended[key] / window) for key, flow in flows]
    over = f"over the last {window:g} s"
    yield from metric("langflow_throughput", "gauge", f"Runs ended per second, {over}.", pace)
    # No run, no rate: a share of nothing is neither good nor bad.
    rates = [
        (_labels(key, flow), failed[key] / ended[key]) for key, flow in flows if ended[key] > 0
    ]
    bad: list[Sample] = [("", labels, rate) for labels, rate in rates]
    good: list[Sample] = [("", labels, 1 - rate) for labels, rate in rates]
    yield from metric("langflow_error_rate", "gauge", f"Share of failed runs, {over}.", bad)
    yield from metric("langflow_success_rate", "gauge", f"Share of good runs, {over}.", good)


def _histogram(labels: Mapping[str, str], flow: Flow) -> Iterator[Sample]:
    count = flow.ok + flow.failed
    for bound, below in zip(BUCKETS, accumulate(flow.buckets), strict=True):
        yield "_bucket", {**labels, "le": f"{bound:g}"}, below
    yield "_bucket", {**labels, "le": "+Inf"}, count
    yield "_sum", labels, flow.seconds
    yield "_count", labels, count


def _pending(snap: Snapshot) -> Iterator[str]:
    rows = snap.state.pending
    found: list[Sample] = [
        (
            "",
            {"flow_id": row.flow, "flow": row.name or row.flow, "state": row.state},
            row.count,
        )
        for row in rows
    ]
    text = "Background runs that have not ended."
    yield from metric("langflow_runs_pending", "gauge", text, found)
    queued = max((row.oldest for row in rows if row.state == "queued"), default=0.0)
    text = "Age of the oldest queued background run; 0 without one."
    yield from metric("langflow_oldest_queued_run_seconds", "gauge", text, [("", {}, queued)])


def _itself(snap: Snapshot, now: float) -> Iterator[str]:
    state = snap.state
    age = float("inf") if state.looked_at is None else now - state.looked_at
    for name, kind, text, value in (
        ("up", "gauge", "1: the last look at the database was good.", float(not state.error)),
        ("look_seconds", "gauge", "How long the last look took.", state.took),
        ("look_age_seconds", "gauge", "Age of the last good look.", age),
        ("look_failures_total", "counter", "Looks that failed.", state.failures),
        ("behind", "gauge", "1: there are more runs than one look reads.", float(state.behind)),
        ("flows", "gauge", "Flows with metrics of their own.", len(state.flows)),
    ):
        yield from metric(f"langflow_exporter_{name}", kind, text, [("", {}, value)])
