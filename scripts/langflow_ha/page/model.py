"""What the page shows. Values only; times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from langflow_ha.status.model import ClusterView

Answer = dict[str, object] | str
"""A node's report, or why there is none."""


class Level(StrEnum):
    """How much somebody should care."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Chip:
    """One thing on one node, in few words."""

    name: str
    text: str
    level: Level


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the cluster, from the users down to the stores: what each node does for it."""

    title: str
    note: str
    chips: tuple[Chip, ...]


@dataclass(frozen=True, slots=True)
class Loss:
    """What the loss of any one of these nodes would break."""

    nodes: tuple[str, ...]
    holes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a daemon's journal. `time` is UTC, as ISO 8601."""

    time: str
    node: str
    level: str
    event: str
    detail: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires. `since` is UTC, as ISO 8601."""

    name: str
    severity: str
    summary: str
    since: str


@dataclass(frozen=True, slots=True)
class Alerting:
    """What the Alertmanagers say; `error` when none answers."""

    configured: bool
    error: str = ""
    firing: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page shows."""

    cluster: ClusterView
    served_by: str
    addresses: Mapping[str, str]
    service: str
    """In one line what users have now."""
    broken: bool
    """Something does not work now; "no failover" alone may still leave users unharmed."""
    wrong: tuple[str, ...]
    """What is wrong now."""
    losses: tuple[Loss, ...]
    """What one more loss would break."""
    layers: tuple[Layer, ...]
    events: tuple[Event, ...]
    alerting: Alerting
