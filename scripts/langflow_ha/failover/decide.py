"""From what was seen to whether a lease is ended. Pure: no clock, no socket, no file.

Two questions. Is the leader's host dead beyond every doubt that can be had from here, so that
its lease only keeps Patroni waiting (`_objections`)? Is this node the leader and cut off from
the majority, which may be about to elect another (`_cut_off`)? What is missing, stale or
contradicted is a no. The reasons for each rule are in docs/fast-failover.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from langflow_ha.failover.config import Config
from langflow_ha.failover.model import (
    ClusterState,
    Decision,
    Ended,
    Lease,
    Seen,
    State,
    Verdict,
)
from langflow_ha.failover.witnesses import blind, fresh_views, note, signs_of_life
from langflow_ha.health.model import Observation

ETCD, END = "etcd", "end"


def decide(
    config: Config, before: State, observations: Sequence[Observation], now: float
) -> Decision:
    """Fold `observations` (oldest first) into the state and conclude, at time `now`."""
    state, stall = before, config.limits.stall
    if before.decided_at is not None and now - before.decided_at > stall:
        state = _forget(before)
        observations = [o for o in observations if o.check == END or now - o.at <= stall]
    for observation in observations:
        state = _note(state, observation)
    state = replace(state, decided_at=now)
    lease = _lease(config, state, now)
    objections = tuple(_objections(config, state, now))
    state = _settle_suspicion(state, None if objections else lease, now)
    state = _settle_cut(state, cut=_cut_off(config, state, now), now=now)
    waits = tuple(_waits(config, state, now)) if not objections else ()
    fence = _fence_now(config, state, now)
    if fence:
        state = replace(state, fenced_at=now)
    return Decision(
        state,
        Verdict(
            end=None if objections or waits else lease,
            fence=fence,
            suspects=_suspects(config, state, lease),
            why_not=objections + waits,
            evidence=_evidence(config, state, now),
        ),
    )


# --- folding ---------------------------------------------------------------------------------


def _forget(state: State) -> State:
    """Forget what was seen before a freeze (of the process or the machine): it is not knowledge.

    What this node *did* is kept: the leases it ended, and when it last acted.
    """
    return State(ended=state.ended, ended_at=state.ended_at, fenced_at=state.fenced_at)


def _note(state: State, observation: Observation) -> State:
    check, found = observation.check, observation.found
    if check == END:
        return _note_end(state, observation)
    if check == ETCD:
        if isinstance(found, ClusterState):
            return _note_cluster(state, Seen(observation.at, found))
        return state  # the last answer stands until it is stale
    return note(state, observation)


def _note_cluster(state: State, seen: Seen) -> State:
    """A lease whose rest has grown was renewed, or has a new etcd leader that cannot tell."""
    old, new = _cluster(state.cluster), _cluster(seen)
    renewed = (
        old is not None
        and new is not None
        and old.lease is not None
        and new.lease is not None
        and new.lease.id == old.lease.id
        and new.lease.remaining > old.lease.remaining
    )
    return replace(state, cluster=seen, since=None if renewed else state.since)


def _note_end(state: State, observation: Observation) -> State:
    """After a failed attempt the evidence has to build up anew."""
    if isinstance(observation.found, Ended):
        ended = state.ended | {observation.found.lease}
        return replace(state, ended=ended, ended_at=observation.at)
    return replace(state, since=None)


def _settle_suspicion(state: State, lease: Lease | None, now: float) -> State:
    if lease is None:
        return replace(state, suspected="", since=None)
    if lease.id != state.suspected or state.since is None:
        return replace(state, suspected=lease.id, since=now)
    return state


def _settle_cut(state: State, *, cut: bool, now: float) -> State:
    if not cut:
        return replace(state, cut_since=None)
    return state if state.cut_since is not None else replace(state, cut_since=now)


# --- may the lease be ended ------------------------------------------------------------------


def _objections(config: Config, state: State, now: float) -> Iterator[str]:
    """What must not be, not for a moment, while the evidence lasts."""
    cluster = _fresh_cluster(config, state, now)
    if cluster is None:
        yield "etcd: no fresh linearizable read"
        return
    lease = cluster.lease
    if lease is None:
        yield "there is no leader with a lease"
        return
    if lease.leader == config.node:
        yield "this node is the leader"
        return
    yield from signs_of_life(
        state,
        lease.leader,
        node=config.node,
        majority=config.majority,
        fresh=config.limits.fresh,
        now=now,
    )
    yield from _patroni_objects(config, state, cluster, now)
    if lease.id in state.ended:
        yield "this lease was ended before"


def _patroni_objects(
    config: Config, state: State, cluster: ClusterState, now: float
) -> Iterator[str]:
    if cluster.paused:
        yield "Patroni is paused"
    if not cluster.synchronous:
        yield "replication is not synchronous with named standbys"
    leader = cluster.lease.leader if cluster.lease else ""
    if cluster.sync_leader != leader:
        yield "the sync key speaks of another leader"
    fresh = fresh_views(state, config.limits.fresh, now)
    if not [name for name in cluster.sync_standbys if name != leader and name in fresh]:
        yield "no synchronous standby is in reach"


def _waits(config: Config, state: State, now: float) -> Iterator[str]:
    """What only takes its time once there are no objections."""
    limits = config.limits
    if state.since is None or now - state.since < limits.silent_for:
        yield "not silent for long enough"
    lease = _lease(config, state, now)
    if lease is None or lease.surely_unrenewed < limits.not_renewed_for:
        yield "the lease may have been renewed just now"
    if now - state.ended_at < limits.rest:
        yield "this node ended a lease just now"


def _suspects(config: Config, state: State, lease: Lease | None) -> frozenset[str]:
    """The leader, once its health agent has missed a single question."""
    if lease is None or lease.leader == config.node or lease.leader not in state.unanswered:
        return frozenset()
    return frozenset({lease.leader})


# --- is this node a leader that is cut off -----------------------------------------------------


def _cut_off(config: Config, state: State, now: float) -> bool:
    """This node led when etcd was last readable, now it is not, and no majority is in reach.

    An outage of etcd alone is none of this: then Patroni's failsafe mode may keep the leader.
    """
    last = _cluster(state.cluster)
    led = last is not None and last.lease is not None and last.lease.leader == config.node
    if not led or last is None or last.paused or _fresh_cluster(config, state, now):
        return False
    own = fresh_views(state, config.limits.fresh, now).get(config.node)
    return own is not None and own.isolated


def _fence_now(config: Config, state: State, now: float) -> bool:
    return (
        bool(config.fence_request)
        and state.cut_since is not None
        and now - state.cut_since >= config.limits.fence_after
        and now - state.fenced_at >= config.limits.rest
    )


# --- what is fresh -----------------------------------------------------------------------------


def _cluster(seen: Seen | None) -> ClusterState | None:
    return seen.what if seen and isinstance(seen.what, ClusterState) else None


def _fresh_cluster(config: Config, state: State, now: float) -> ClusterState | None:
    fresh = state.cluster is not None and now - state.cluster.at <= config.limits.fresh
    return _cluster(state.cluster) if fresh else None


def _lease(config: Config, state: State, now: float) -> Lease | None:
    cluster = _fresh_cluster(config, state, now)
    return cluster.lease if cluster else None


def _evidence(config: Config, state: State, now: float) -> dict[str, object]:
    cluster, views = _cluster(state.cluster), fresh_views(state, config.limits.fresh, now)
    lease = cluster.lease if cluster else None
    leader = lease.leader if lease else ""
    reach = state.reach.get(leader)
    return {
        "leader": leader,
        "lease": lease.id if lease else "",
        "mod_revision": lease.mod_revision if lease else "",
        "granted_s": lease.granted if lease else None,
        "remaining_s": lease.remaining if lease else None,
        "etcd_age_s": round(now - state.cluster.at, 3) if state.cluster else None,
        "silent_s": round(now - state.since, 3) if state.since is not None else None,
        "tried_age_s": round(now - reach.at, 3) if reach else None,
        "members": len(config.members),
        "blind": blind(config.node, views, leader),
        "seers": sorted(n for n, v in views.items() if leader in v.sees),
        "view_age_s": {n: round(now - s.at, 3) for n, s in sorted(state.views.items())},
        "sync_standbys": list(cluster.sync_standbys) if cluster else [],
        "cut_s": round(now - state.cut_since, 3) if state.cut_since is not None else None,
    }
