"""What the daemon knows and what it concludes. Values only: nothing here acts or asks.

Times are seconds of the daemon's clock (`CLOCK_BOOTTIME`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from langflow_ha.failover.model import Hosts


@dataclass(frozen=True, slots=True)
class Queued:
    """A background run that waits for its turn, as LangFlow's table `job` has it."""

    job: str
    user: str
    """Id of the user who submitted it: LangFlow lets nobody else stop it, not even a superuser."""
    accepted_by: str
    """`application_name` of the connection that submitted it, "" when it was not noted."""
    claimed: bool = False
    """A LangFlow has put its name on it, to start it: its heartbeat will tell."""


@dataclass(frozen=True, slots=True)
class Queue:
    """All queued runs at one moment."""

    at: float
    runs: tuple[Queued, ...]


@dataclass(frozen=True, slots=True)
class Closing:
    """A run to be closed, and why it can never start."""

    job: str
    user: str
    node: str
    why: str


@dataclass(frozen=True, slots=True)
class State(Hosts):
    """All that survives from one decision to the next."""

    queue: Queue | None = None
    gone_since: dict[str, float] = field(default_factory=dict)
    """Nodes without a sign of life, and since when without interruption."""
    asked: dict[str, float] = field(default_factory=dict)
    """Jobs whose end was asked for, and when."""
    decided_at: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done now, and what is left alone."""

    close: tuple[Closing, ...]
    suspects: frozenset[str]
    """Hosts to try by every way from now on."""
    orphans: int
    """Queued runs that can never start, whether or not their end was asked for already."""
    unknown: int
    """Queued runs of which nobody can tell who has them. They are left alone."""
    signs: dict[str, tuple[str, ...]]
    """By silent node: what speaks against its host being dead."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision with the state it leaves behind."""

    state: State
    verdict: Verdict
