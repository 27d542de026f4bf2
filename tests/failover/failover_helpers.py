"""A three-member configuration, and short ways to say what was seen."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Mapping
from typing import Any

from langflow_ha.failover import config
from langflow_ha.failover.config import Config
from langflow_ha.failover.decide import ETCD, decide
from langflow_ha.failover.model import ClusterState, Decision, Lease, Reach, State
from langflow_ha.failover.witnesses import AGENT, REACH
from langflow_ha.health.model import Observation, Outcome, PeerView
from node_helpers import view

NAMES = ("n1", "n2", "n3")
PREFIX = "/service/blue/"
SILENT = Reach(asked=True)
RAW: dict[str, Any] = {
    "node": "n2",
    "listen_addresses": ["127.0.0.1"],
    "http_port": 0,
    "members": [{"name": n, "address": f"192.0.2.{n[1:]}"} for n in NAMES],
    "agent_port": 7950,
    "hosts": [{"name": n, "addresses": [f"192.0.2.{n[1:]}"], "ports": [5432, 22]} for n in NAMES],
    "etcd": {
        "address": "192.0.2.2",
        "port": 2379,
        "ca_file": "/nonexistent/ca",
        "certificate": "/nonexistent/crt",
        "key": "/nonexistent/key",
    },
    "key_prefix": PREFIX,
    "limits": {
        "tick": 0.1,
        "poll": 0.4,
        "timeout": 0.5,
        "fresh": 1.5,
        "silent_for": 2.0,
        "not_renewed_for": 3.0,
        "rest": 60.0,
        "stall": 1.0,
        "fence_after": 0.3,
    },
    "fence_request": "/nonexistent/fence",
    "journal": "/nonexistent/events.jsonl",
    "journal_bytes": 100000,
}


def raw(**changes: Any) -> dict[str, Any]:
    """A fresh copy of the configuration as JSON would have it."""
    return {**copy.deepcopy(RAW), **changes}


def make(**changes: Any) -> Config:
    return config.parse(raw(**changes))


def lease(remaining: int = 10, **changes: Any) -> Lease:
    fields: dict[str, Any] = {"leader": "n1", "id": "77", "mod_revision": "9", "granted": 20}
    return Lease(**{**fields, "remaining": remaining, **changes})


def cluster(remaining: int = 10, **changes: Any) -> ClusterState:
    """n1 leads, n2 is its synchronous standby."""
    fields: dict[str, Any] = {
        "lease": lease(remaining),
        "sync_leader": "n1",
        "sync_standbys": ("n2",),
        "synchronous": True,
        "paused": False,
    }
    return ClusterState(**{**fields, **changes})


class Node:
    """n2 on a clock of its own; in every round n1 is dead unless the round says otherwise."""

    def __init__(self, settings: Config | None = None) -> None:
        self.config = settings or make()
        self.now = 1000.0
        self.state = State()

    def round(
        self,
        step: float = 0.41,
        state: ClusterState | None = None,
        views: Mapping[str, PeerView | None] | None = None,
        reach: Reach | None = SILENT,
        *,
        etcd: bool = True,
        more: tuple[Observation, ...] = (),
    ) -> Decision:
        """One answer of every kind. A view that is None is a question without an answer."""
        self.now += step
        seen: list[Observation] = [*more]
        if etcd:
            found = state or cluster()
            seen.append(Observation(ETCD, self.now, Outcome.OK, found=found))
        else:
            seen.append(Observation(ETCD, self.now, Outcome.TIMED_OUT))
        dead: dict[str, PeerView | None] = {
            "n1": None,
            "n2": view("n2", ("n3",)),
            "n3": view("n3", ("n2",)),
        }
        for name, answer in {**dead, **(views or {})}.items():
            outcome = Outcome.TIMED_OUT if answer is None else Outcome.OK
            seen.append(Observation(AGENT + name, self.now, outcome, found=answer))
        if reach is not None:
            seen.append(Observation(REACH + "n1", self.now, Outcome.OK, found=reach))
        decision = decide(self.config, self.state, seen, self.now)
        self.state = decision.state
        return decision

    def rounds(self, count: int, **kwargs: Any) -> Decision:
        decision = self.round(**kwargs)
        for _ in range(count - 1):
            decision = self.round(**kwargs)
        return decision


# --- answers as etcd's gateway writes them -----------------------------------------------------


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


HEADER = {"cluster_id": "11", "member_id": "22", "revision": "120", "raft_term": "3"}


def pair(key: str, value: str, **more: str) -> dict[str, str]:
    kv = {"key": b64(PREFIX + key), "create_revision": "5", "mod_revision": "9", "version": "1"}
    return {**kv, "value": b64(value), **more}


def transaction(
    leader: str | None = "n1",
    sync: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    lease_id: str = "7587886",
) -> dict[str, Any]:
    """The answer to the transaction over leader, sync and config."""
    sync = {"leader": "n1", "quorum": 0, "sync_standby": "n2"} if sync is None else sync
    settings = {"ttl": 20, "synchronous_mode": True} if settings is None else settings
    pairs = [
        [pair("leader", leader, lease=lease_id)] if leader else [],
        [pair("sync", json.dumps(sync))],
        [pair("config", json.dumps(settings))],
    ]
    responses = [
        {"response_range": {"header": {"revision": "120"}, "kvs": kvs, "count": "1"} if kvs else {}}
        for kvs in pairs
    ]
    return {"header": HEADER, "succeeded": True, "responses": responses}


def time_to_live(
    remaining: int = 14, granted: int = 20, lease_id: str = "7587886"
) -> dict[str, Any]:
    return {"header": HEADER, "ID": lease_id, "TTL": str(remaining), "grantedTTL": str(granted)}
