"""What the node exporter reads. Pure, but for the clock of a stopwatch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from langflow_ha.keeper.model import State

PREFIX = "langflow_backup"
HELP = {
    "last_success_timestamp_seconds": "When the newest good backup was complete; 0: there is none.",
    "last_size_bytes": "What a restore of the newest good backup would write.",
    "last_stored_bytes": "What the newest good backup added to the target.",
    "last_duration_seconds": "How long the newest good backup took.",
    "kept": "Number of backups in the target.",
    "maximum_age_seconds": "How old the newest backup may be.",
    "target_readable": "1: the target was read a moment ago and the passphrase opens it.",
    "problems": "Number of things found wrong with the target: missing or damaged WAL, damaged backups.",
    "archive_failing": "1: the last WAL segment that was tried could not be archived. On the primary only.",
    "archive_waiting_segments": "WAL segments that wait for the archive. On the primary only.",
    "verify_timestamp_seconds": "When a backup was last proven by restoring it; 0: never.",
    "verify_success": "1: the last proof passed.",
    "verify_restore_seconds": "How long the restore of the last proof took.",
    "verify_size_bytes": "Size of the database that the last proof restored.",
}
"""Metric → help; the alert rules use no others."""


@dataclass(frozen=True, slots=True)
class Archive:
    """The primary's archiver."""

    failing: bool
    waiting: int


Sample = tuple[str, str, float]
"""Metric without prefix, labels in Prometheus's notation, value."""


def samples(
    states: Sequence[State],
    readable: bool,
    problems: int,
    archive: Archive | None,
    proof: Mapping[str, float],
) -> Iterator[Sample]:
    """Return every sample; `proof` has values of `verify_*` by name."""
    for state in states:
        label = f'kind="{state.kind}"'
        newest = state.newest
        yield "last_success_timestamp_seconds", label, newest.at if newest else 0
        yield "last_size_bytes", label, newest.size if newest else 0
        yield "last_stored_bytes", label, newest.stored if newest else 0
        yield "last_duration_seconds", label, newest.seconds if newest else 0
        yield "kept", label, state.count
        yield "maximum_age_seconds", label, state.limit_hours * 3600
    yield "target_readable", "", float(readable)
    yield "problems", "", problems
    if archive:
        yield "archive_failing", "", float(archive.failing)
        yield "archive_waiting_segments", "", archive.waiting
    for name, value in proof.items():
        yield name, "", value


def rendered(found: Iterator[Sample]) -> str:
    """Return the samples in Prometheus's text format, grouped by metric."""
    by_name: dict[str, list[str]] = {}
    for name, label, value in found:
        labels = f"{{{label}}}" if label else ""
        by_name.setdefault(name, []).append(f"{PREFIX}_{name}{labels} {value:.15g}")
    lines = []
    for name, values in by_name.items():
        lines += [f"# HELP {PREFIX}_{name} {HELP[name]}", f"# TYPE {PREFIX}_{name} gauge", *values]
    return "\n".join(lines) + "\n"


class Watch:
    """How long something took; read after the block."""

    seconds: float = 0.0


@contextmanager
def stopwatch() -> Iterator[Watch]:
    """Measure a block's time by the monotonic clock."""
    watch, begun = Watch(), time.monotonic()
    yield watch
    watch.seconds = time.monotonic() - begun
