"""What the report shows, as numbers and words. Pure: records in, figures out; no SVG, no HTML."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from langflow_ha.drill.model import Outcome
from langflow_ha.drill.record import Summary, figure, runs, summarise
from langflow_ha.drill.series import Series, TimedRecord, Timeline

OWNER_CHECK = "exactly one VIP owner outside the hand-over"
WRITABLE_CHECKS = ("never two writable databases", "never two databases that acknowledge")
COLUMNS = 300
"""Columns of one timeline: more could not be told apart on a screen."""
MOST_POINTS = 300
MOST_RUNS = 24
"""Runs that the table under a history lists."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale with round numbers on it."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Return where a value lies: 0 at `low`, 1 at `high`, never outside."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


@dataclass(frozen=True, slots=True)
class Lane:
    """One class of requests: requests per second in each column."""

    name: str
    ok: tuple[float, ...]
    failed: tuple[float, ...]
    peak: float
    """The larger of both, and at least 1: the height of the lane."""
    text: str


@dataclass(frozen=True, slots=True)
class Hold:
    """A stretch of time with the same holders; seconds after the fault. No names: nobody."""

    start: float
    end: float
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Track:
    """Who held something (the VIP, the writable database) over the time of a timeline."""

    name: str
    holds: tuple[Hold, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment worth a line: fault, undo, steady state."""

    at: float
    name: str


@dataclass(frozen=True, slots=True)
class TimelineFigure:
    """One repetition as a picture."""

    axis: Axis
    start: float
    """Begin of the first column, seconds after the fault."""
    column_s: float
    lanes: tuple[Lane, ...]
    tracks: tuple[Track, ...]
    markers: tuple[Marker, ...]
    nodes: tuple[str, ...]
    """All holders in alphabetical order: a node has one colour on the whole page."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """One run of a drill as the page lists it."""

    number: int
    when: str
    outcome: str
    measured: str
    targets: str
    reason: str
    timeline: TimelineFigure | None
    """None: it was skipped, or recorded by a release that kept no series."""


@dataclass(frozen=True, slots=True)
class Point:
    """One measured figure of the past; `value` is None when the client never recovered."""

    at: float
    value: float | None
    passed: bool


@dataclass(frozen=True, slots=True)
class PastRun:
    """One earlier run in words: the text equivalent of the history plot."""

    when: str
    count: int
    median: str
    judged: str
    """The maximum of the run."""
    verdict: str


@dataclass(frozen=True, slots=True)
class History:
    """All measured figures of a drill against its present budget."""

    points: tuple[Point, ...]
    values: Axis
    times: Axis
    dates: tuple[tuple[float, str], ...]
    limit: float
    kind: str
    runs: tuple[PastRun, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Everything about one drill."""

    id: str
    title: str
    verdict: str
    when: str
    runs: int
    passed: int
    skipped: int
    median: str
    p95: str
    maximum: str
    budget: str
    failed_requests: int
    requests: int
    acknowledged: int
    lost: int
    owners_wrong: int
    """Repetitions with a moment at which not exactly one node held the VIP."""
    writable_wrong: int
    """Repetitions with two writable databases, or two that acknowledge where an old one may linger."""
    reasons: tuple[str, ...]
    repetitions: tuple[Repetition, ...]
    history: History | None
    """None: never measured."""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole page."""

    site: str
    made: str
    sections: tuple[Section, ...]
    passed: int
    failed: int
    skipped: int


def moment(at: float) -> str:
    """Return a time for people, to the minute, in the zone of this machine."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def axis(low: float, high: float, wanted: int = 6) -> Axis:
    """Return a scale over [low, high] with about `wanted` round ticks; an empty range gets width 1."""
    if not high > low:
        high = low + 1.0
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Axis(low, high, tuple(round(i * step, 6) for i in range(first, last + 1)))


def grouped(counts: Sequence[int], size: int) -> tuple[int, ...]:
    """Return the sums of `size` neighbours each; the last group may be shorter."""
    return tuple(sum(counts[i : i + size]) for i in range(0, len(counts), size))


def span(seconds: float) -> str:
    """Return a moment relative to the fault: "+0.8 s"."""
    return f"{seconds:+.1f} s"


def lane(name: str, series: Series, line: Timeline, size: int) -> Lane:
    """Return one class in columns of `size` buckets, with what its picture says in words."""
    width = line.width_s * size
    ok = tuple(n / width for n in grouped(series.ok, size))
    bad = tuple(n / width for n in grouped(series.failed, size))
    text = f"{name}: {sum(series.ok)} succeeded, {sum(series.failed)} failed"
    where = [i for i, n in enumerate(series.failed) if n]
    if where:
        first = line.start_s + where[0] * line.width_s
        last = line.start_s + (where[-1] + 1) * line.width_s
        text += f" (from {span(first)} to {span(last)})"
    return Lane(name, ok, bad, max(*ok, *bad, 1.0), text)


def track(
    name: str, changes: Sequence[tuple[float, tuple[str, ...]]], low: float, high: float
) -> Track:
    """Return who held something from one change to the next, cut to [low, high]."""
    holds = []
    for index, (at, names) in enumerate(changes):
        until = changes[index + 1][0] if index + 1 < len(changes) else high
        if min(until, high) > max(at, low):
            holds.append(Hold(max(at, low), min(until, high), names))
    words = [f"{', '.join(h.names) or 'nobody'} from {span(h.start)}" for h in holds]
    return Track(name, tuple(holds), f"{name}: {'; '.join(words) or 'not watched'}")


def timeline_figure(record: TimedRecord, nodes: tuple[str, ...]) -> TimelineFigure | None:
    """Return the picture of one repetition; None when the record has no series."""
    line = record.timeline
    length = max((len(series.ok) for series in line.classes.values()), default=0)
    if not length:
        return None
    size = math.ceil(length / COLUMNS)
    low, high = line.start_s, line.start_s + length * line.width_s
    undo = record.undo_at - record.fault_at
    markers = [Marker(0.0, "fault"), Marker(undo, "undo")]
    if record.steady_s is not None:
        markers.append(Marker(undo + record.steady_s, "steady"))
    return TimelineFigure(
        axis=axis(low, high, 10),
        start=low,
        column_s=line.width_s * size,
        lanes=tuple(lane(name, series, line, size) for name, series in line.classes.items()),
        tracks=(
            track("VIP", record.owners, low, high),
            track("primary", record.writable, low, high),
        ),
        markers=tuple(m for m in markers if low <= m.at <= high),
        nodes=nodes,
    )


def history(past: Sequence[Sequence[TimedRecord]], now: float) -> History | None:
    """Return the drill's earlier figures, the latest run's included; None when nothing was measured."""
    ran = [r for run in past for r in run if r.outcome is not Outcome.SKIPPED][-MOST_POINTS:]
    if not ran:
        return None
    limit, kind = past[-1][-1].limit, past[-1][-1].budget_kind
    points = tuple(Point(r.started, _finite(r.measured), r.outcome is Outcome.PASSED) for r in ran)
    highest = max([p.value for p in points if p.value is not None] + [limit])
    first, last = points[0].at, points[-1].at
    margin = max((last - first) * 0.04, 1800.0)
    times = Axis(first - margin, last + margin, ())
    return History(
        points=points,
        values=axis(0.0, highest * 1.15 or 1.0, 4),
        times=times,
        dates=_dates(times, now),
        limit=limit,
        kind=kind,
        runs=tuple(_past_run(run) for run in reversed(past[-MOST_RUNS:])),
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _dates(times: Axis, now: float) -> tuple[tuple[float, str], ...]:
    """Return a few moments of the axis with their names: days, or times of day within two days."""
    pattern = "%H:%M" if times.high - times.low < 2 * 86400 else "%d %b"
    if now - times.low > 300 * 86400:
        pattern = "%b %Y"
    moments = [times.low + (times.high - times.low) * share for share in (0.05, 0.35, 0.65, 0.95)]
    named: dict[str, float] = {}
    for at in moments:
        named.setdefault(time.strftime(pattern, time.localtime(at)), at)
    return tuple((at, name) for name, at in named.items())


def _past_run(run: Sequence[TimedRecord]) -> PastRun:
    (summary,) = summarise(run)
    return PastRun(
        when=moment(run[0].started),
        count=summary.runs,
        median=figure(summary.median, summary.kind),
        judged=figure(summary.maximum, summary.kind),
        verdict=str(summary.outcome),
    )


def _repetition(record: TimedRecord, nodes: tuple[str, ...]) -> Repetition:
    measured = math.nan if record.outcome is Outcome.SKIPPED else math.inf
    return Repetition(
        number=record.repetition,
        when=moment(record.started),
        outcome=str(record.outcome),
        measured=figure(
            measured if record.measured is None else record.measured, record.budget_kind
        ),
        targets=", ".join(record.targets),
        reason=record.reason,
        timeline=timeline_figure(record, nodes),
    )


def _broken(run: Sequence[TimedRecord], *names: str) -> int:
    return sum(any(c.name in names and not c.ok for c in record.checks) for record in run)


def _section(past: Sequence[Sequence[TimedRecord]], nodes: tuple[str, ...], now: float) -> Section:
    run = past[-1]
    summary: Summary
    (summary,) = summarise(run)
    return Section(
        id=summary.drill,
        title=summary.title,
        verdict=str(summary.outcome),
        when=moment(run[0].started),
        runs=summary.runs,
        passed=summary.passed,
        skipped=summary.skipped,
        median=figure(summary.median, summary.kind),
        p95=figure(summary.p95, summary.kind),
        maximum=figure(summary.maximum, summary.kind),
        budget=f"{summary.kind} {figure(summary.limit, summary.kind)}",
        failed_requests=summary.failed_requests,
        requests=summary.requests,
        acknowledged=summary.acknowledged,
        lost=summary.lost,
        owners_wrong=_broken(run, OWNER_CHECK),
        writable_wrong=_broken(run, *WRITABLE_CHECKS),
        reasons=summary.reasons,
        repetitions=tuple(_repetition(record, nodes) for record in run),
        history=history(past, now),
    )


def report(records: Sequence[TimedRecord], site: str, now: float) -> Report:
    """Return the figures of a page about all drills of a site; `now` is when it is made (epoch).

    Each drill is judged by its last run; the runs before are its history.
    """
    holders = {
        name
        for record in records
        for changes in (record.owners, record.writable)
        for _, names in changes
        for name in names
    }
    nodes = tuple(sorted(holders))
    sections = tuple(_section(past, nodes, now) for past in runs(records).values())
    verdicts = [section.verdict for section in sections]
    return Report(
        site=site,
        made=moment(now),
        sections=sections,
        passed=verdicts.count(Outcome.PASSED),
        failed=verdicts.count(Outcome.FAILED),
        skipped=verdicts.count(Outcome.SKIPPED),
    )
