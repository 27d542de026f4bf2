"""What the agent knows and what it concludes. Values only: nothing here acts or asks.

All times are seconds of the agent's clock (`CLOCK_BOOTTIME`: it runs on while a machine sleeps).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

WEIGHT_FIT = 0
WEIGHT_BONUS = 40
"""Added while a fit node holds the VIP: more than any distance between two base priorities,
less than what unfitness costs, so that a holder stays and a sick holder goes."""
WEIGHT_UNFIT = -100
WEIGHT_FAULT = -254
"""Keepalived turns a tracked weight of -254 into FAULT: the address is released at once."""


class Outcome(StrEnum):
    """How a probe ended. The two failures differ in what they prove."""

    OK = "ok"
    FAILED = "failed"
    """A definite no: refused, reset, wrong answer. Nothing is there, or it says it is ill."""
    TIMED_OUT = "timed_out"
    """No answer in time: frozen, cut off, or only slow. Weaker evidence than FAILED."""


class Stage(StrEnum):
    """How far a gentle restart of the own LangFlow is."""

    IDLE = "idle"
    CLAIM = "claim"
    """It needs one, and says so, until everybody has heard it."""
    DRAIN = "drain"
    """It is out of traffic and finishes its work."""
    RESTART = "restart"


OUT = (Stage.DRAIN, Stage.RESTART)
"""Stages without traffic."""


@dataclass(frozen=True, slots=True)
class PeerView:
    """What a peer says of itself at `/peer`."""

    name: str
    fit: bool
    isolated: bool
    vip_held_for: float | None
    """Seconds that the peer has held the VIP, None when it does not."""
    checks: dict[str, bool]
    """The peer's own checks with a known state: `haproxy`, `usable`, `langflow`, backends."""
    sees: tuple[str, ...]
    boot_id: str
    seq: int
    loop_age: float
    """Age of the peer's last decision when it answered. A view that is too old is no view."""
    stage: str | None = None
    """A `Stage`; None from an agent that is older than that."""
    carries: bool = True
    """Whether its word lets balancers send it requests; True from an agent that is older than that."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One result of one probe."""

    check: str
    at: float
    outcome: Outcome
    detail: str = ""
    peer: PeerView | None = None
    refused: bool = False
    """The connection was refused: the host is in reach, though nothing listens there."""
    found: object = None
    """What other probes than a peer's brought home, typed by whoever asked."""

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.OK


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is looked up on every pass rather than probed: it costs microseconds."""

    vip_held: bool
    maintenance: bool
    canary_weight: int | None = None
    """Percent of a full share of traffic that the LangFlow here is to have; None: all of it."""


@dataclass(frozen=True, slots=True)
class CheckState:
    """A check between its observations. `up` is None until the first one."""

    up: bool | None = None
    successes: int = 0
    failures: int = 0
    """Consecutive failures of either kind."""
    refusals: int = 0
    """Consecutive definite failures, counted apart because they prove more."""
    reached: bool | None = None
    """Is the host in reach? Rises and falls like `up`, but a refused connection is an answer."""
    answers: int = 0
    """Consecutive observations that prove the host in reach."""
    silences: int = 0
    """Consecutive observations that do not."""
    at: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Healing:
    """Where the agent stands with its own LangFlow."""

    ready_before: bool = False
    hung_since: float | None = None
    """Begin of an unbroken row of time-outs. A refusal ends it: the process is gone or starting."""
    attempts: tuple[float, ...] = ()
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class Recycling:
    """Where the agent stands with gentle restarts of its own LangFlow."""

    stage: Stage = Stage.IDLE
    since: float = float("-inf")
    """When the stage began."""
    memory: int | None = None
    """Bytes that LangFlow held when it was last looked at; None when that is not known."""
    over_since: float | None = None
    """Since when these are above the bound, without a break."""
    in_flight: int | None = None
    counted_at: float = float("-inf")
    """When that was counted."""
    wanted: bool = False
    hindrances: tuple[str, ...] = ()
    gone: bool = False
    """During a restart: the old process has ended."""
    failed: bool = False
    """The last restart did not bring it back in time."""
    attempts: tuple[float, ...] = ()
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """All that survives from one decision to the next."""

    checks: dict[str, CheckState] = field(default_factory=dict)
    peers: dict[str, PeerView] = field(default_factory=dict)
    healing: Healing = Healing()
    recycling: Recycling = Recycling()
    decided_at: float | None = None
    held_since: float | None = None
    dual_since: float | None = None
    """Since when this node and a peer both hold the VIP."""
    blind_since: float | None = None
    """Since when this node's balancer has reached no LangFlow although a peer's has."""
    yielding: bool = False
    yielded_at: float = float("-inf")
    yield_for: float = 0.0
    handing_over: bool = False
    """An unfit holder leaves the VIP to a fit peer, until it does not hold it any more."""
    handed_over_at: float = float("-inf")
    defied_since: float | None = None
    """Since when the VIP is held in spite of a fault: its Keepalived does not listen."""
    defied_at: float = float("-inf")
    """When the last kill of Keepalived was asked for."""
    agent_word: str = ""


class Standing(StrEnum):
    """A node's standing as a holder of the VIP."""

    UNKNOWN = "unknown"
    FIT = "fit"
    UNFIT = "unfit"
    YIELDING = "yielding"
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the agent tells Keepalived, HAProxy and systemd after one decision."""

    standing: Standing
    weight: int
    reasons: tuple[str, ...]
    agent_word: str
    """The answer to HAProxy's agent check, without the newline."""
    restart_langflow: bool = False
    recycle_langflow: bool = False
    kill_keepalived: bool = False
    canary_weight: int | None = None
    """Shown to people, also while maintenance takes all traffic away."""

    @property
    def fit(self) -> bool:
        return self.standing is Standing.FIT
