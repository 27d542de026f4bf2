"""What the daemon shows, of each store. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from langflow_ha.node.pages import as_json
from langflow_ha.node.prometheus import Sample, metric, page
from langflow_ha.ship.courier import Shown

Snapshot = Mapping[str, Shown]
"""By the store's name."""


def lag(shown: Shown, wall: float) -> float:
    """Return the age in seconds of the oldest entry that the store has not taken; 0 when it has all."""
    return 0.0 if shown.waits_since is None else max(0.0, wall - shown.waits_since)


def status_json(snap: Snapshot, wall: float) -> bytes:
    """For people."""
    return as_json(
        {
            name: {
                "error": shown.error,
                "lag": round(lag(shown, wall), 1),
                "lines": shown.lines,
                "masked": shown.masked,
                "unreadable": shown.unreadable,
                "failures": shown.failures,
            }
            for name, shown in snap.items()
        }
    )


_METRICS: tuple[tuple[str, str, str, Callable[[Shown, float], float]], ...] = (
    ("lag_seconds", "gauge", "Age of the oldest entry that the store has not taken.", lag),
    ("up", "gauge", "1: the last delivery was taken.", lambda s, _: float(not s.error)),
    ("lines_total", "counter", "Entries that the store took.", lambda s, _: s.lines),
    ("masked_lines_total", "counter", "Of these, with something masked.", lambda s, _: s.masked),
    ("unreadable_total", "counter", "Entries left out.", lambda s, _: s.unreadable),
    ("failures_total", "counter", "Deliveries that failed.", lambda s, _: s.failures),
)


def metrics_text(snap: Snapshot, wall: float) -> bytes:
    """Prometheus' text format."""
    lines: list[str] = []
    for name, kind, text, value in _METRICS:
        samples: list[Sample] = [
            ("", {"store": s}, value(shown, wall)) for s, shown in snap.items()
        ]
        lines += metric(f"langflow_ha_ship_{name}", kind, text, samples)
    return page(lines)
