"""The two things the daemon does: end a lease, and ask for a fence of its own node."""

from __future__ import annotations

from langflow_ha.failover.decide import END
from langflow_ha.failover.etcd import Post, cluster_state, revoke
from langflow_ha.failover.model import ClusterState, Ended, Lease
from langflow_ha.health.model import Observation, Outcome
from langflow_ha.node.clock import Clock


def end_lease(
    post: Post, key_prefix: str, lease: Lease, not_renewed_for: float, clock: Clock
) -> Observation:
    """Look once more, then end the lease; what came of it, as an observation.

    The second look is for a daemon that was frozen without a trace in its own clock (a paused
    virtual machine): a leader that came back meanwhile has renewed its lease, and keeps it.

    The lease is ended rather than the leader's key deleted, although only a deletion could be
    made conditional on the key's revision: a leader that wakes up extends its lease and asks for
    nothing else, so with the key gone and the lease alive it would go on as a leader.
    """
    began = clock()
    try:
        objection = _objection(cluster_state(post, key_prefix), lease, not_renewed_for)
        if objection:
            return Observation(END, began, Outcome.FAILED, objection)
        revoke(post, lease.id)
    except OSError as error:
        return Observation(END, began, Outcome.FAILED, str(error) or type(error).__name__)
    return Observation(END, began, Outcome.OK, f"lease {lease.id}", found=Ended(lease.id))


def _objection(now: ClusterState, lease: Lease, not_renewed_for: float) -> str:
    if now.lease is None or (now.lease.id, now.lease.mod_revision, now.lease.leader) != (
        lease.id,
        lease.mod_revision,
        lease.leader,
    ):
        return "another leadership than the one that was to be ended"
    renewed = now.lease.remaining > lease.remaining
    if renewed or now.lease.surely_unrenewed < not_renewed_for:
        return "the lease was renewed meanwhile"
    return "Patroni was paused meanwhile" if now.paused else ""
