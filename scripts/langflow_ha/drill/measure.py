"""Figures from requests and samples. Pure functions: no clock, no I/O."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from langflow_ha.drill.model import (
    DEFINITE,
    BackgroundRun,
    ClassStats,
    Holders,
    Request,
    Sample,
    Update,
)

STALE_S = 0.4
"""A node not heard of for this long is unknown: eight missed samples."""
SLOW_S = 1.5
"""A request that took longer was held up, whatever its answer."""
REFUSED_S = 8.0
"""A refusal that came later was no clean one. LangFlow asks Valkey several times before it gives up, one after another, and
until the checks have taken the dead server out each try costs up to 1 s: `timeout connect` of the node's own proxy."""
IDEMPOTENT = ("ui", "api")
"""Classes that a client, or the balancer in its name, may repeat without harm."""
RARE = ("login",)
"""Classes sent so seldom that one success has to do where others need several in a row."""


def quantile(values: Sequence[float], q: float) -> float:
    """Return the q-quantile with linear interpolation between ranks; NaN for no values."""
    if not values:
        return math.nan
    ordered = sorted(values)
    position = (len(ordered) - 1) * q
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def longest_gap(requests: Iterable[Request], cls: str, since: float, until: float) -> float:
    """Return the longest time (s) that a client of `cls` went without a success.

    It is the longest interval between two consecutive successful completions that overlaps
    [since, until]: the one that straddles the fault counts in full, from the last success before
    it. Requests are sent on a fixed schedule whatever becomes of the earlier ones, so a stall of
    the cluster cannot hide as a pause of the client. `until` itself closes the last interval: a
    client that never recovers has a gap up to the end. It includes the client's own interval
    (50 ms for `ui`), so the figure is an upper bound of what the cluster did.
    """
    ends = sorted(r.end for r in requests if r.cls == cls and r.ok and r.end <= until)
    edges = [*ends, until]
    longest = 0.0
    for index, end in enumerate(edges):
        start = edges[index - 1] if index else min(since, end)
        if end > since:
            longest = max(longest, end - start)
    return longest


def failed(requests: Iterable[Request], classes: Sequence[str], since: float) -> int:
    """Count the failed requests of `classes` that ended after `since`."""
    return sum(1 for r in requests if r.cls in classes and not r.ok and r.end >= since)


def exposure(
    requests: Iterable[Request], classes: Sequence[str], fault_at: float, until: float
) -> float:
    """Return how long (s) after the fault the cluster still gave requests to the broken part.

    The start of the last request in [fault, until] that failed or took longer than `SLOW_S`,
    relative to the fault; 0 when there was none.
    """
    bad = [
        r.start - fault_at
        for r in requests
        if r.cls in classes
        and fault_at <= r.start <= until
        and (not r.ok or r.end - r.start > SLOW_S)
    ]
    return max(bad, default=0.0)


def recovered(
    requests: Iterable[Request], classes: Sequence[str], since: float, streak: int = 3
) -> bool:
    """Tell whether each class had `streak` successes in a row, all *started* after `since`.

    One is enough of a class in `RARE`.
    """
    seen = dict.fromkeys(classes, 0)
    needed = {cls: 1 if cls in RARE else streak for cls in classes}
    for r in sorted(requests, key=lambda r: r.start):
        if r.cls in seen and r.start > since and seen[r.cls] < needed[r.cls]:
            seen[r.cls] = seen[r.cls] + 1 if r.ok else 0
    return all(seen[cls] >= needed[cls] for cls in classes)


def longest_wait(requests: Iterable[Request], classes: Sequence[str], since: float) -> float:
    """Return how long (s) a client of `classes` waited at most for an answer of any kind."""
    return max(
        (r.end - r.start for r in requests if r.cls in classes and r.end >= since), default=0
    )


def unclean(requests: Iterable[Request], classes: Sequence[str], since: float) -> list[Request]:
    """Return the failures of `classes` after `since` that were no 503 within `REFUSED_S`."""
    return [
        r
        for r in requests
        if r.cls in classes
        and r.start >= since
        and not r.ok
        and (r.status != 503 or r.end - r.start > REFUSED_S)
    ]


def admissible(updates: Iterable[Update]) -> frozenset[str]:
    """Return the revisions that a flow may have now, after these changes.

    A change is out of date when an acknowledged one began after it had ended. One that was never
    answered may have taken effect at any time, and of two at the same time either may be the last.
    """
    known = list(updates)
    last_start = max((u.start for u in known if u.ok), default=-math.inf)
    return frozenset(u.revision for u in known if u.end > last_start)


def run_trouble(run: BackgroundRun) -> str:
    """Return what is wrong with a background run, "" when it ended once and ran once."""
    if run.state not in DEFINITE:
        return f"no definite state ({run.state or 'no answer'})"
    if run.later != run.state:
        return f"was {run.state}, then {run.later or 'without an answer'}"
    if run.executions < 0:
        return "executions could not be counted"
    if run.executions > 1:
        return f"executed {run.executions} times"
    return "completed without a trace" if run.state == "completed" and not run.executions else ""


def settling(runs: Iterable[BackgroundRun], fault_at: float) -> float | None:
    """Return the longest time (s) that a run took to its definite state, from the later of fault and submission.

    Runs that had ended before the fault do not count; None without any other.
    """
    times = [
        run.settled - max(run.submitted, fault_at)
        for run in runs
        if run.settled is not None and run.settled >= fault_at
    ]
    return max(times, default=None)


def settled_last(runs: Iterable[BackgroundRun], nodes: Sequence[str], fault_at: float) -> float:
    """Return how long (s) after the fault the last run of these nodes was definite; infinity for an open one."""
    return max(
        (
            (math.inf if run.settled is None else run.settled) - fault_at
            for run in runs
            if run.node in nodes
        ),
        default=math.inf,
    )


def stats(requests: Sequence[Request], cls: str, since: float, until: float) -> ClassStats:
    """Summarise one class between `since` and `until`."""
    chosen = [r for r in requests if r.cls == cls and r.end >= since]
    good = [1000 * (r.end - r.start) for r in chosen if r.ok]
    return ClassStats(
        total=len(chosen),
        failed=sum(not r.ok for r in chosen),
        gap_s=round(longest_gap(requests, cls, since, until), 3),
        p50_ms=round(quantile(good, 0.5), 1) if good else 0.0,
        p99_ms=round(quantile(good, 0.99), 1) if good else 0.0,
        notes=dict(Counter(r.note for r in chosen if not r.ok)),
    )


def holders(samples: Iterable[Sample], kind: str, stale_s: float = STALE_S) -> list[Holders]:
    """Merge the watchers' samples into one line: who held `kind` at every sample.

    A node's last word counts for `stale_s`; after that the node is unknown and holds nothing: it
    has no power, or it is frozen and cannot answer for anything either.
    """
    latest: dict[str, Sample] = {}
    line = []
    for sample in sorted((s for s in samples if s.kind == kind), key=lambda s: s.at):
        latest[sample.node] = sample
        fresh = [s for s in latest.values() if sample.at - s.at <= stale_s and s.value is not None]
        line.append(
            Holders(
                at=sample.at,
                owners=frozenset(s.node for s in fresh if s.value),
                known=frozenset(s.node for s in fresh),
            )
        )
    return line


def acknowledging(samples: Iterable[Sample], stale_s: float = STALE_S) -> list[Holders]:
    """Return at every sample which databases would acknowledge a commit.

    A standby that is open for writes itself receives from nobody any more, so it answers for no
    commit elsewhere, whatever a primary that has just woken up still lists.
    """
    opened: dict[str, Sample] = {}
    latest: dict[str, Sample] = {}
    line = []
    for sample in sorted((s for s in samples if s.kind in ("pg", "pg_ack")), key=lambda s: s.at):
        (opened if sample.kind == "pg" else latest)[sample.node] = sample
        promoted = {n for n, s in opened.items() if s.value and sample.at - s.at <= stale_s}
        fresh = [s for s in latest.values() if sample.at - s.at <= stale_s and s.value is not None]
        line.append(
            Holders(
                at=sample.at,
                owners=frozenset(
                    s.node for s in fresh if s.value and not (s.by and promoted.issuperset(s.by))
                ),
                known=frozenset(s.node for s in fresh),
            )
        )
    return line


def successors(
    samples: Iterable[Sample], kind: str, targets: Sequence[str], start: float, end: float
) -> list[Sample]:
    """Return the samples in [start, end] at which a node that is no target held `kind`."""
    return [
        s
        for s in samples
        if s.kind == kind and s.value and s.node not in targets and start <= s.at <= end
    ]


def changes(line: Sequence[Holders], origin: float) -> tuple[tuple[float, tuple[str, ...]], ...]:
    """Return only the moments at which the owners changed, in seconds relative to `origin`."""
    found: list[tuple[float, tuple[str, ...]]] = []
    for point in line:
        owners = tuple(sorted(point.owners))
        if not found or found[-1][1] != owners:
            found.append((round(point.at - origin, 3), owners))
    return tuple(found)


def moves(line: Iterable[Holders], since: float) -> int:
    """Count how often the single owner after `since` was another one than before; a moment without one is no move."""
    owner: frozenset[str] = frozenset()
    count = 0
    for point in line:
        if len(point.owners) != 1 or point.owners == owner:
            continue
        count += bool(owner) and point.at >= since
        owner = point.owners
    return count


def wrong_owner_counts(
    line: Iterable[Holders], expected: frozenset[str], windows: Sequence[tuple[float, float]]
) -> list[Holders]:
    """Return the samples outside `windows` at which the VIP did not have exactly one owner.

    Two owners are wrong whoever else is visible. No owner is only known when every node of
    `expected` (those with power) was seen at that moment.
    """
    return [
        point
        for point in line
        if not any(start <= point.at <= end for start, end in windows)
        and (len(point.owners) > 1 or (not point.owners and point.known >= expected))
    ]


def several(line: Iterable[Holders]) -> list[Holders]:
    """Return the samples at which more than one node held it (two writable databases)."""
    return [point for point in line if len(point.owners) > 1]


def release(samples: Iterable[Sample], node: str, fault_at: float) -> float:
    """Return how long (s) after the fault `node` kept the VIP; infinity when it never let go."""
    own = sorted((s for s in samples if s.kind == "vip" and s.node == node), key=lambda s: s.at)
    after = [s for s in own if s.at >= fault_at and s.value is not None]
    if not any(s.value is False for s in after):
        return math.inf
    held = [s.at - fault_at for s in after if s.value]
    if held and after[-1].value:
        return math.inf
    return max(held, default=0.0)


def took_back(line: Iterable[Holders], targets: frozenset[str], since: float) -> list[Holders]:
    """Return the samples after `since` (the undo) at which a recovered target holds the VIP."""
    return [point for point in line if point.at > since and point.owners & targets]
