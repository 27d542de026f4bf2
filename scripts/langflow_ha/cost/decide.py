"""From two looks at a node to what each daemon costs, and whether watching costs too much. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatch

KINDS = {
    "watching": (
        "prometheus-*-exporter.service",
        "prometheus-alertmanager.service",
        "langflow-ha-exporter.service",
        "langflow-ha-page.service",
        "langflow-ha-ship.service",
    ),
    "stores": (
        "prometheus.service",
        "langflow-ha-prometheus-long.service",
        "langflow-ha-log-*.service",
    ),
    "failover": (
        "langflow-ha-*.service",
        "keepalived.service",
        "haproxy.service",
        "backend-proxy.service",
    ),
}
"""What a unit is there for; the first kind that fits. Anything else is LangFlow or its data, and not shown."""
JOBS = "(jobs that ended)"


@dataclass(frozen=True, slots=True)
class Look:
    """A node at one moment, as `look.py` prints it."""

    at: float
    units: dict[str, tuple[float, float]]
    """Unit -> seconds of processor time since it began, KiB."""
    ended: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What one unit of a node took."""

    node: str
    kind: str
    unit: str
    core: float
    """Share of one core, 0.01 for a hundredth."""
    megabytes: float
    """MiB, what processes share counted once."""


def parsed(text: str) -> Look:
    """Read what `look.py` printed. Raises ValueError for anything else."""
    try:
        found = json.loads(text)
        units = {name: (float(cpu), float(kib)) for name, (cpu, kib) in found["units"].items()}
        return Look(float(found["at"]), units, float(found["ended"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a look at a node: {text[:200]}") from error


def kind_of(unit: str) -> str:
    """Return what a unit is there for; empty for one that is not the kit's own."""
    return next(
        (kind for kind, names in KINDS.items() if any(fnmatch(unit, name) for name in names)), ""
    )


def costs(node: str, before: Look, after: Look) -> list[Cost]:
    """Return what each of the kit's units took between two looks, in the order of kinds.

    A unit that was started in between counts from its start; one that was restarted counts what the new one took.
    """
    seconds = after.at - before.at
    found = [Cost(node, "watching", JOBS, max(0.0, after.ended - before.ended) / seconds, 0.0)]
    for unit, (cpu, kib) in after.units.items():
        if kind := kind_of(unit):
            began = before.units.get(unit, (0.0, 0.0))[0]
            used = cpu - began if cpu >= began else cpu
            found.append(Cost(node, kind, unit, used / seconds, kib / 1024))
    order = list(KINDS)
    return sorted(found, key=lambda cost: (order.index(cost.kind), cost.unit))


def watching(found: list[Cost]) -> tuple[float, float]:
    """Return what watching a node takes: share of a core, MiB."""
    bounded = [cost for cost in found if cost.kind == "watching"]
    return sum(cost.core for cost in bounded), sum(cost.megabytes for cost in bounded)
