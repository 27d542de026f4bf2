"""What the daemon knows and what it concludes. Values only: nothing here acts or asks.

Times are seconds of the daemon's clock (`CLOCK_BOOTTIME`), except where a field says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from langflow_ha.health.model import PeerView


@dataclass(frozen=True, slots=True)
class Lease:
    """A leadership in etcd: who holds the leader key by which lease, and how long it lives on."""

    leader: str
    id: str
    """Decimal, as etcd's gateway writes 64-bit numbers."""
    mod_revision: str
    granted: int
    """Time to live, in seconds, that the lease starts from at each renewal."""
    remaining: int
    """Seconds left, rounded down by etcd."""

    @property
    def surely_unrenewed(self) -> int:
        """Seconds for which the lease was not renewed, at the very least.

        etcd rounds what is left down, so up to one second less has passed than it looks.
        """
        return self.granted - self.remaining - 1


@dataclass(frozen=True, slots=True)
class ClusterState:
    """Patroni's keys at one revision, by a linearizable read: the etcd quorum is on this side."""

    lease: Lease | None
    """None: there is no leader, or its key has no lease that could be ended."""
    sync_leader: str
    sync_standbys: tuple[str, ...]
    synchronous: bool
    """Synchronous mode with named standbys. Quorum commit names only candidates: not this."""
    paused: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """An attempt to reach a host by all its ways at once. `answered`: by which, "" = by none."""

    asked: bool
    answered: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """A lease that this node has ended, or found ended when it was about to."""

    lease: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The last good answer of a kind, and when its question was asked."""

    at: float
    what: ClusterState | PeerView | Reach


@dataclass(frozen=True, slots=True)
class Hosts:
    """What is known about the members' hosts."""

    views: dict[str, Seen] = field(default_factory=dict)
    unanswered: frozenset[str] = frozenset()
    """Members whose health agent did not answer the last question."""
    reach: dict[str, Seen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State(Hosts):
    """All that survives from one decision to the next."""

    cluster: Seen | None = None
    suspected: str = ""
    """The lease whose end everything has spoken for, without interruption, …"""
    since: float | None = None
    """… since then."""
    cut_since: float | None = None
    """Since when this node leads and is cut off."""
    decided_at: float | None = None
    ended: frozenset[str] = frozenset()
    ended_at: float = float("-inf")
    fenced_at: float = float("-inf")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done now, and why nothing is."""

    end: Lease | None
    """The lease to end, after one more look at it."""
    fence: bool
    """Stop the database here: it leads and is cut off from the majority."""
    suspects: frozenset[str]
    """Hosts to try by every way from now on."""
    why_not: tuple[str, ...]
    """What speaks against ending the leader's lease; empty = nothing but the time it must last."""
    evidence: dict[str, object]
    """The numbers behind it, for the journal."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision with the state it leaves behind."""

    state: State
    verdict: Verdict
