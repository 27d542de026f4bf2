"""The plain values that drills are made of. No behaviour, no I/O; times are seconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """How one run of a drill ended. A skipped drill is never a passed one."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class BudgetKind(StrEnum):
    """What a budget limits."""

    GAP = "gap"
    """Longest time between two successes of a class of requests, seconds."""
    FAILED = "failed"
    """Failed requests of the given classes, a count."""
    EXPOSURE = "exposure"
    """How long after the fault requests were still sent to their ruin (failed or slow), seconds."""
    RELEASE = "release"
    """How long the target kept the VIP, seconds."""
    RECOVERY = "recovery"
    """From the undo (giving the power back, say) to the steady state, seconds."""
    SETTLED = "settled"
    """From the fault to the definite state of the last background run that the target had, seconds."""
    MOVES = "moves"
    """How often the VIP, the primary or the Valkey master went to another node, whichever did most, a count."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The limit that a drill is judged by: `measured <= limit`."""

    kind: BudgetKind
    limit: float
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drill:
    """One row of the catalogue: everything that distinguishes it from the other drills."""

    id: str
    title: str
    fault: str
    target: str
    """A selector, see `select.py`."""
    budget: Budget
    repetitions: int
    classes: tuple[str, ...]
    """Classes of client requests that run during the drill."""
    row: str = ""
    """Row of the fault catalogue that it covers."""
    profile: str = "short"
    """`short` drills belong to every run, `full` ones only to a full run, `kernel` ones to neither."""
    hold_s: float = 8.0
    """How long the fault lasts at least."""
    hold_max_s: float = 30.0
    """How long it lasts at most, while the client has not recovered."""
    hold_drawn: bool = False
    """The fault lasts a time drawn from these two, whatever the client sees: each repetition meets another moment."""
    prepare: str = ""
    """What is done on the targets before the load, see `faults/prepare.py`; where it fails the drill is skipped."""
    steady_s: float = 300.0
    """How long the way back to the steady state may take."""
    watch_s: float = 0.0
    """How long the undo itself is watched before a steady state counts: it may be a fault too."""
    handover_s: float = 2.0
    """How long after the fault the VIP may have no owner or two."""
    return_s: float = 0.0
    """The same after the undo, where a target comes back in the belief that it owns the VIP."""
    no_successor: str = ""
    """Kind of sample (`pg`, `valkey`) that no other node than a target may show while the fault lasts."""
    needs_standby: bool = True
    wait_s: float = 0.0
    """How long a client of an idempotent class may wait for any answer at all; 0: not judged."""
    clean: tuple[str, ...] = ()
    """Classes whose failures must be answers with status 503, and come soon: the client knows where it stands."""
    no_restart: bool = False
    """Whether LangFlow must have come through with the processes that it had."""
    backlog: bool = False
    """Whether the target gets slow background runs to execute, and to queue, before the fault (`backlog.py`)."""
    may_linger: bool = False
    """Whether an old primary may wake up open for a moment, as long as it acknowledges nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the client load."""

    cls: str
    start: float
    end: float
    ok: bool
    status: int = 0
    """HTTP status, 0 when there was no answer."""
    note: str = ""
    """Why it failed."""
    retries: int = 0
    server: str = ""
    """The node that answered, when the balancer says so."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one attempt of a client came to."""

    ok: bool
    status: int
    note: str = ""
    retries: int = 0
    server: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A write that the cluster confirmed to the client: it must be there for ever after."""

    kind: str
    """`flow`, `file` or `update`."""
    id: str
    at: float
    proof: str
    """The flow's name, the file's SHA-256, or what the flow was changed to."""


@dataclass(frozen=True, slots=True)
class Update:
    """One change of a flow's content, answered or not."""

    flow: str
    revision: str
    start: float
    end: float
    """Infinity while nobody knows: a change without an answer may still take effect."""
    ok: bool


DEFINITE = ("completed", "failed", "cancelled", "timed_out")
"""States that a background run does not leave any more."""


@dataclass(slots=True)
class BackgroundRun:
    """One background run that LangFlow accepted, and what became of it."""

    job: str
    token: str
    """Its unique input, which is also its session and its idempotency key."""
    submitted: float
    state: str = ""
    """The first definite state that was seen; else the last word about it, "" for none."""
    settled: float | None = None
    """When the definite state was seen."""
    later: str = ""
    """The state at a second look."""
    executions: int = -1
    """How often it ran, by the messages that it stored; -1: could not be counted."""
    node: str = ""
    """The node whose LangFlow took it; "" where the balancer chose one."""
    waiting: bool = False
    """Whether it was still queued when the fault came; only known where `node` is."""
    retried: str | None = None
    """The job that a retry right after the fault found under the same key; "" without an answer."""


@dataclass(slots=True)
class Reader:
    """One client that reads a run's events at a LangFlow that does not have the run."""

    job: str
    node: str
    attached: float | None = None
    ended: float | None = None
    """When its stream ended; None: it hangs."""
    error: str = ""
    last: str = ""
    """The last line that it got."""


@dataclass(slots=True)
class Hook:
    """One webhook call that LangFlow accepted. The answer names no run: its traces are all there is."""

    token: str
    """Its unique content."""
    executions: int = -1
    """How often it ran, by the messages that it stored; -1: could not be counted."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a watcher on a node saw at one moment."""

    node: str
    at: float
    kind: str
    """`vip`, `pg` (open for writes), `pg_ack` (would acknowledge a commit), `valkey` (writable master)."""
    value: bool | None
    """None: the watcher could not tell."""
    by: tuple[str, ...] = ()
    """Of `pg_ack`: the standbys that its word rests on; () when it needs none, or cannot name them."""


@dataclass(frozen=True, slots=True)
class Holders:
    """Which nodes held something at one moment, and which nodes could be seen at all."""

    at: float
    owners: frozenset[str]
    known: frozenset[str]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold besides the budget."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ClassStats:
    """Figures of one class of requests between the fault and the end of the load."""

    total: int
    failed: int
    gap_s: float
    p50_ms: float
    p99_ms: float
    notes: dict[str, int] = field(default_factory=dict)
    """How often each reason of failure was seen."""


@dataclass(frozen=True, slots=True)
class Record:
    """The lasting result of one run; what the JSON line holds."""

    drill: str
    title: str
    repetition: int
    site: str
    started: float
    outcome: Outcome
    reason: str = ""
    """Why it was skipped, or what went wrong."""
    targets: tuple[str, ...] = ()
    fault_at: float = 0.0
    undo_at: float = 0.0
    seed: int = 0
    """What the drawn times and orders came from; the same seed draws the same."""
    measured: float | None = None
    budget_kind: str = ""
    limit: float = 0.0
    within_budget: bool = False
    safe: bool = False
    """Every check besides the budget held."""
    steady_s: float | None = None
    """From the undo to the steady state."""
    acknowledged: int = 0
    lost: int = 0
    classes: dict[str, ClassStats] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    owners: tuple[tuple[float, tuple[str, ...]], ...] = ()
    """Changes of the VIP's owner: seconds after the fault, and who."""
    writable: tuple[tuple[float, tuple[str, ...]], ...] = ()
    """Changes of the writable database, likewise."""
    masters: tuple[tuple[float, tuple[str, ...]], ...] = ()
    """Changes of the Valkey masters that take writes, likewise."""
    runs: int = 0
    """Background runs that were accepted."""
    runs_wrong: int = 0
    """Those that did not end in one definite state, or did not run once."""
    runs_settled_s: float | None = None
    """The longest time from the later of fault and submission to a run's definite state."""
    samples: int = 0
