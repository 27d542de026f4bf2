"""From what was seen to what is said. Pure: no clock, no socket, no file.

`decide` folds new observations into the state and concludes. Four questions, each answered by
one function: may this node hold the VIP (`_standing`), may its LangFlow have traffic
(`_agent_word`), does its LangFlow need a restart because it hangs (`healing.heal`), or because it
leaks (`recycling.recycle`). The rule behind all three is
relative: what is broken everywhere is no reason to move anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from langflow_ha.health.config import Config, Pace
from langflow_ha.health.healing import heal
from langflow_ha.health.knowledge import (
    HAPROXY,
    LANGFLOW,
    PEER,
    SHARE,
    TIE_BREAKER,
    USABLE,
    fresh_views,
    own_backends_work,
    pace_of,
    up,
)
from langflow_ha.health.model import (
    OUT,
    WEIGHT_BONUS,
    WEIGHT_FAULT,
    WEIGHT_FIT,
    WEIGHT_UNFIT,
    CheckState,
    Observation,
    Outcome,
    PeerView,
    Standing,
    State,
    Surroundings,
    Verdict,
)
from langflow_ha.health.others import hindrances
from langflow_ha.health.recycling import forget, recycle

_SAME_AGE = 0.5
"""Two holdings that differ by less than a polling round, in seconds, count as equally old."""
_LONGEST_YIELD = 3600.0
_NEXT_HANDOVER = 5.0
"""Seconds between two hand-overs. A holder again so soon means that no fit peer's Keepalived took
the VIP: it is left to the priorities then, rather than tossed about."""
_NEXT_KILL = 5.0
"""Seconds between two requests to kill Keepalived: systemd needs some for the restart."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision with the state it leaves behind."""

    state: State
    verdict: Verdict


def decide(
    config: Config,
    before: State,
    observations: Sequence[Observation],
    around: Surroundings,
    now: float,
) -> Decision:
    """Fold `observations` (oldest first) into the state and conclude, at time `now`."""
    state = before
    if before.decided_at is not None and now - before.decided_at > config.limits.stall:
        state = _forget(before)
        observations = [o for o in observations if now - o.at <= config.limits.stall]
    for observation in observations:
        state = _note(config, state, observation)
    state = replace(state, decided_at=now, held_since=_held_since(before, around, now))
    state = _settle_owners(config, state, now)
    state = _settle_blindness(config, state, now)
    standing, reasons = _standing(config, state, now)
    state = _settle_handover(config, state, standing, now)
    if state.handing_over and standing is not Standing.ISOLATED:
        standing, reasons = Standing.YIELDING, (*reasons, "a peer is fit, and gets the VIP")
    isolated = standing is Standing.ISOLATED
    state, kill_keepalived = _settle_defiance(config, state, standing, now)
    healing, restart = heal(
        config.healing,
        state.healing,
        [o for o in observations if o.check == LANGFLOW],
        only_here=not isolated and not around.maintenance and _trouble_is_ours(config, state),
        now=now,
    )
    recycling, gently = recycle(
        config.recycling,
        state.recycling,
        observations,
        ready=up(state, LANGFLOW) is True,
        hindrances=tuple(hindrances(config, state, around, isolated=isolated)),
        now=now,
    )
    state = replace(state, healing=healing, recycling=recycling)
    word = _agent_word(config, state, around)
    return Decision(
        state=replace(state, agent_word=word),
        verdict=Verdict(
            standing=standing,
            weight=_weight(standing, around.vip_held),
            reasons=reasons,
            agent_word=word,
            restart_langflow=restart,
            recycle_langflow=gently,
            kill_keepalived=kill_keepalived,
            canary_weight=around.canary_weight if config.langflow else None,
        ),
    )


# --- folding ---------------------------------------------------------------------------------


def _forget(state: State) -> State:
    """Forget what was seen before a sleep (a frozen VM, a stopped process): it is not knowledge.

    What the node *did* is kept: since when it holds the VIP, and its tries at healing.
    """
    healing = replace(state.healing, hung_since=None)
    return replace(
        state,
        checks={},
        peers={},
        healing=healing,
        recycling=forget(state.recycling),
        dual_since=None,
        defied_since=None,
        blind_since=None,
    )


def _note(config: Config, state: State, observation: Observation) -> State:
    name = observation.check
    pace = pace_of(config, name)
    check = _count(pace, state.checks.get(name, CheckState()), observation)
    check = _count_reach(pace, check, observation)
    peers = state.peers
    if observation.peer is not None:
        peers = {**peers, observation.peer.name: observation.peer}
    return replace(state, checks={**state.checks, name: check}, peers=peers)


def _count(pace: Pace, before: CheckState, observation: Observation) -> CheckState:
    """Rise and fall. The first observation is believed at once: there is nothing to flap from."""
    ok, definite = observation.ok, observation.outcome is Outcome.FAILED
    after = replace(
        before,
        successes=before.successes + 1 if ok else 0,
        failures=0 if ok else before.failures + 1,
        refusals=before.refusals + 1 if definite else 0,
        at=observation.at,
        detail=observation.detail,
    )
    if before.up is None:
        return replace(after, up=ok)
    if before.up and (after.refusals >= pace.fall or after.failures >= pace.fall_timeout):
        return replace(after, up=False)
    if not before.up and after.successes >= pace.rise:
        return replace(after, up=True)
    return after


def _count_reach(pace: Pace, before: CheckState, observation: Observation) -> CheckState:
    """The same for the host behind the check."""
    answers = observation.ok or observation.refused
    after = replace(
        before,
        answers=before.answers + 1 if answers else 0,
        silences=0 if answers else before.silences + 1,
    )
    if before.reached is None:
        return replace(after, reached=answers)
    if before.reached and after.silences >= pace.fall_timeout:
        return replace(after, reached=False)
    if not before.reached and after.answers >= pace.rise:
        return replace(after, reached=True)
    return after


def _held_since(before: State, around: Surroundings, now: float) -> float | None:
    if not around.vip_held:
        return None
    return now if before.held_since is None else before.held_since


# --- the VIP ---------------------------------------------------------------------------------


def _weight(standing: Standing, vip_held: bool) -> int:
    match standing:
        case Standing.FIT:
            return WEIGHT_BONUS if vip_held else WEIGHT_FIT
        case Standing.ISOLATED | Standing.YIELDING:
            return WEIGHT_FAULT
        case Standing.UNFIT | Standing.UNKNOWN:
            return WEIGHT_UNFIT


def _standing(config: Config, state: State, now: float) -> tuple[Standing, tuple[str, ...]]:
    """May this node hold the VIP? The first rule that speaks decides."""
    isolated = _isolated(config, state)
    if isolated:
        return Standing.ISOLATED, ("no majority of the members in reach",)
    unknown = tuple(f"{c}: not seen yet" for c in _needed(config) if up(state, c) is None)
    if isolated is None or unknown:
        return Standing.UNKNOWN, unknown
    if state.yielding:
        return Standing.YIELDING, ("another node holds the VIP too, and this one yields",)
    if config.haproxy and not up(state, HAPROXY):
        return Standing.UNFIT, (f"haproxy: {state.checks[HAPROXY].detail}",)
    if state.blind_since is not None and now - state.blind_since >= config.limits.blind_grace:
        return Standing.UNFIT, ("haproxy reaches no LangFlow, a peer's does",)
    return Standing.FIT, ()


def _needed(config: Config) -> Iterator[str]:
    """Checks without which nothing can be said about the VIP."""
    if config.haproxy:
        yield HAPROXY
    for peer in config.peers:
        yield PEER + peer.name


def _isolated(config: Config, state: State) -> bool | None:
    """Is this node in a minority? None = the peers not seen yet would settle it.

    A peer is in reach when a whole request and answer came through, so both directions work. A
    refused connection is such an answer, by the peer's kernel: its agent is dead, the path is
    not. Were it counted as a cut, two dead agents would fault the third node. (A cut drops, and
    shows as time-outs; a firewall that blocks this port must drop too, never reject.)
    Two members have no majority without each other; a tie-breaker outside stands in for the
    peer. It cannot tell a dead peer from a cut between the two only: the handbook says so.
    """
    majority = len(config.members) // 2 + 1
    known = [state.checks.get(PEER + peer.name) for peer in config.peers]
    seen = [check.reached if check else None for check in known]
    if 1 + seen.count(True) >= majority:
        return False
    if 1 + seen.count(True) + seen.count(None) >= majority:
        return None
    if len(config.members) > 2:
        return True
    ties = [up(state, f"{TIE_BREAKER}{t.address}:{t.port}") for t in config.tie_breakers]
    if True in ties:
        return False
    return None if None in ties else True


def _settle_handover(config: Config, state: State, standing: Standing, now: float) -> State:
    """Let an unfit holder leave the VIP to a fit peer at once.

    With -100 alone Keepalived goes on to advertise, and the peers wait for about a second until
    they believe in the end of its reign; with a fault it resigns and the VIP moves in a tenth of
    that. When no peer is fit the VIP stays where it is: a shared outage moves nothing. Only a
    holder hands over, so two nodes never do it because of each other.
    """
    if state.held_since is None:
        return replace(state, handing_over=False)
    if state.handing_over:
        return state
    recently = now - state.handed_over_at < _NEXT_HANDOVER
    if standing is not Standing.UNFIT or recently or not _heir(config, state, now):
        return state
    return replace(state, handing_over=True, handed_over_at=now)


def _heir(config: Config, state: State, now: float) -> bool:
    """Is there a fit peer with a balancer? Only its latest answer counts, and only for a moment."""
    for name, view in fresh_views(config, state).items():
        check = state.checks[PEER + name]
        recent = check.failures == 0 and now - check.at <= config.limits.peer_view_age
        if recent and view.fit and view.checks.get(HAPROXY, False):
            return True
    return False


def _settle_blindness(config: Config, state: State, now: float) -> State:
    """Since when this balancer has reached no LangFlow although a peer's has.

    Balancers notice the death or the return of all LangFlows within a second or two of each
    other; only a difference that lasts is one between the balancers.
    """
    if not _broken_only_here(state, USABLE, fresh_views(config, state).values()):
        return replace(state, blind_since=None)
    return state if state.blind_since is not None else replace(state, blind_since=now)


def _settle_defiance(
    config: Config, state: State, standing: Standing, now: float
) -> tuple[State, bool]:
    """Shall Keepalived be killed, because it keeps the VIP in spite of a fault?

    A frozen Keepalived reads no file, and the peers, who do not hear it, take the VIP as well.
    """
    if state.held_since is None or _weight(standing, vip_held=True) != WEIGHT_FAULT:
        return replace(state, defied_since=None), False
    since = now if state.defied_since is None else state.defied_since
    kill = now - since >= config.limits.release_grace and now - state.defied_at >= _NEXT_KILL
    return replace(state, defied_since=since, defied_at=now if kill else state.defied_at), kill


def _settle_owners(config: Config, state: State, now: float) -> State:
    """End a double ownership that Keepalived cannot see (VRRP blocked, a killed keepalived).

    The sick owner yields to the fit one; of two equals the older yields, because the newer one
    answers ARP last, and the older may be a leftover of a dead keepalived. It stays out while
    the other holds the VIP, each time for longer, and comes back at once when nobody does.
    """
    others = [v for v in fresh_views(config, state).values() if v.vip_held_for is not None]
    held_for = None if state.held_since is None else now - state.held_since
    dual_since = state.dual_since
    if held_for is None or not others:
        dual_since = None
    elif dual_since is None:
        dual_since = now
    state = replace(state, dual_since=dual_since)

    if state.yielding and others and now - state.yielded_at < state.yield_for:
        return state
    overdue = dual_since is not None and now - dual_since >= config.limits.dual_owner_grace
    if not (overdue and held_for is not None and _loses(config, state, held_for, others)):
        return replace(state, yielding=False)
    again = now - state.yielded_at < 2 * state.yield_for
    wait = min(2 * state.yield_for, _LONGEST_YIELD) if again else config.limits.yield_hold
    return replace(state, yielding=True, yielded_at=now, yield_for=wait)


def _loses(config: Config, state: State, held_for: float, others: Sequence[PeerView]) -> bool:
    rank = {member.name: i for i, member in enumerate(config.members)}
    fit = bool(up(state, HAPROXY))
    for other in others:
        if fit != other.fit:
            if other.fit:
                return True
            continue
        lead = held_for - (other.vip_held_for or 0.0)
        if lead > _SAME_AGE or (abs(lead) <= _SAME_AGE and rank[config.node] > rank[other.name]):
            return True
    return False


# --- LangFlow --------------------------------------------------------------------------------


def _agent_word(config: Config, state: State, around: Surroundings) -> str:
    """The answer to HAProxy's agent check; "" = nothing to say yet.

    Only `up`, `down` and a percentage: `ready`, `drain` and `maint` would undo what an operator
    set through HAProxy's socket. `down` needs a peer that is well: when all are ill alike, HAProxy's
    own checks decide. And one that gets requests: a fault that all share is seen by one after the
    other within a second, and each would leave for the sake of one that is out itself, by its word
    or for maintenance. `down` ends no request that is in flight, and unlike a percentage it also
    turns away those whose cookie names this server: so it is the word for a gentle restart.
    """
    if config.langflow is None:
        return ""
    if around.maintenance:
        return "up 0%"
    if state.recycling.stage in OUT:
        return "down #restarts gently, for it holds too much memory"
    if up(state, LANGFLOW) is None:
        return state.agent_word
    checks = (LANGFLOW, *(b.name for b in config.backends), SHARE)
    carriers = [view for view in fresh_views(config, state).values() if view.carries]
    worse = [check for check in checks if _broken_only_here(state, check, carriers)]
    if worse:
        return f"down #{' and '.join(worse)} failing only here"
    return f"up {100 if around.canary_weight is None else around.canary_weight}%"


def _trouble_is_ours(config: Config, state: State) -> bool:
    """Is a LangFlow that hangs here a matter of this node alone, and of LangFlow itself?

    One that waits for a file of a hung share cannot even be killed, and goes on when the share does.
    """
    if not own_backends_work(config, state):
        return False
    elsewhere = [
        view.checks[LANGFLOW]
        for view in fresh_views(config, state).values()
        if LANGFLOW in view.checks
    ]
    return any(elsewhere) or not elsewhere


def _broken_only_here(state: State, check: str, views: Iterable[PeerView]) -> bool:
    return up(state, check) is False and any(view.checks.get(check, False) for view in views)
