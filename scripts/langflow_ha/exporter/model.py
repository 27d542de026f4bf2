"""What the daemon knows and what it concludes. Values only: nothing here acts or asks.

`at` is in seconds of the daemon's clock, `ended` in seconds since the epoch by LangFlow's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

BUCKETS = (
    *(0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
    *(5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0),
)
"""Upper bounds in seconds: close enough to each other that a tenth more can be seen in a quantile."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has ended."""

    id: str
    flow: str
    name: str
    """Of the flow, "" when it is gone."""
    ended: float
    seconds: float
    ok: bool
    tokens: int


@dataclass(frozen=True, slots=True)
class Pending:
    """Background runs of a flow that have not ended."""

    flow: str
    name: str
    state: str
    """queued or running."""
    count: int
    oldest: float
    """Age in seconds."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to read: runs that ended since (None: none, only what time it is there)."""

    since: float | None


@dataclass(frozen=True, slots=True)
class Look:
    """What a look brought; `error` when it failed, and then nothing else."""

    at: float
    took: float
    error: str = ""
    now: float = 0.0
    """The database's clock."""
    runs: tuple[Run, ...] = ()
    full: bool = False
    """There may be more: as many were read as may be."""
    pending: tuple[Pending, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """What is counted of one flow since the daemon started."""

    name: str
    ok: int = 0
    failed: int = 0
    tokens: int = 0
    seconds: float = 0.0
    buckets: tuple[int, ...] = (0,) * len(BUCKETS)
    """Runs up to each bound of BUCKETS that are above the bound before it."""
    last: float = 0.0


@dataclass(frozen=True, slots=True)
class Recent:
    """A run inside the window."""

    ended: float
    flow: str
    ok: bool


@dataclass(frozen=True, slots=True)
class State:
    """All that survives from one decision to the next."""

    began: float | None = None
    """Database's clock at the first look: what ended earlier is not counted."""
    cursor: float = 0.0
    """Everything that ended by now has been read, but for latecomers."""
    behind: bool = False
    seen: dict[str, float] = field(default_factory=dict)
    """Runs that a look may meet again, and when they ended."""
    flows: dict[str, Flow] = field(default_factory=dict)
    recent: tuple[Recent, ...] = ()
    pending: tuple[Pending, ...] = ()
    asked_at: float | None = None
    """When the question under way was asked; None when there is none."""
    next_at: float = 0.0
    looked_at: float | None = None
    """Of the last good look."""
    took: float = 0.0
    error: str = ""
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision with the state it leaves behind."""

    state: State
    ask: Question | None
