"""Requests per moment, small enough to stay in the record: what the timelines are drawn from. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from langflow_ha.drill.model import Record, Request

WIDTH_S = 0.1
MOST = 1200
"""Buckets of one series: two minutes at full resolution; longer runs get wider buckets."""


@dataclass(frozen=True, slots=True)
class Series:
    """Requests of one class by the moment at which they ended."""

    ok: tuple[int, ...]
    failed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All classes on one axis: bucket i is [start_s + i * width_s, start_s + (i + 1) * width_s)."""

    start_s: float = 0.0
    """Begin of the first bucket, seconds after the fault (negative: before)."""
    width_s: float = WIDTH_S
    classes: dict[str, Series] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimedRecord(Record):
    """A record with its timeline."""

    timeline: Timeline = field(default_factory=Timeline)


def timeline(requests: Sequence[Request], fault_at: float) -> Timeline:
    """Return the requests in buckets of `WIDTH_S`, or of the multiple of it that needs at most `MOST`."""
    if not requests:
        return Timeline()
    ends = [r.end - fault_at for r in requests]
    first = math.floor(min(ends) / WIDTH_S)
    factor = math.ceil((math.floor(max(ends) / WIDTH_S) - first + 1) / MOST)
    start, width = first * WIDTH_S, factor * WIDTH_S
    count = int((max(ends) - start) / width) + 1
    counts: dict[str, tuple[list[int], list[int]]] = {}
    for request, end in zip(requests, ends, strict=True):
        ok, failed = counts.setdefault(request.cls, ([0] * count, [0] * count))
        (ok if request.ok else failed)[min(count - 1, int((end - start) / width))] += 1
    return Timeline(
        start_s=round(start, 3),
        width_s=round(width, 3),
        classes={cls: Series(tuple(ok), tuple(bad)) for cls, (ok, bad) in sorted(counts.items())},
    )


def timed(record: Record, requests: Sequence[Request]) -> TimedRecord:
    """Return the record with the timeline of the requests that it was judged by."""
    values = {f.name: getattr(record, f.name) for f in fields(Record)}
    return TimedRecord(**values, timeline=timeline(requests, record.fault_at))
