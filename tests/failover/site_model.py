"""A small model of a site for property tests: members, links of either direction, freezes, Patroni's
lease, etcd's quorum and leader, health agents; and the real `decide` and `act` on every node.

Time goes in steps of 0.1 s. What a node's daemon gets to see is what its probes would bring.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from failover_helpers import make, time_to_live, transaction
from langflow_ha.failover import act
from langflow_ha.failover.config import Config
from langflow_ha.failover.decide import ETCD, decide
from langflow_ha.failover.etcd import EtcdError, cluster_state
from langflow_ha.failover.model import Decision, Reach, State
from langflow_ha.failover.witnesses import AGENT, REACH
from langflow_ha.health.model import Observation, Outcome
from node_helpers import view

STEP = 0.1
TTL, LOOP_WAIT = 20, 2.0
ELECTION = 1.5
"""Seconds that etcd needs for a new leader."""
AGENT_FALL = 0.9
"""Seconds after which a health agent believes that a peer is gone."""


@dataclass
class Machine:
    """A node: `on` is its power; `paused` a virtual machine that stands still, clock and all;
    `stopped` all its processes frozen, while its kernel still answers."""

    name: str
    config: Config
    on: bool = True
    paused: bool = False
    stopped: bool = False
    lag: float = 0.0
    """Seconds its clock has lost by pauses."""
    state: State = field(default_factory=State)
    daemon: bool = True
    last: Decision | None = None
    heard: dict[str, float] = field(default_factory=dict)
    """When its health agent last got an answer, by peer."""
    asked_at: float = -1.0
    pending: list[tuple[float, Observation]] = field(default_factory=list)
    results: list[Observation] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        return self.on and not self.paused and not self.stopped


@dataclass
class Revocation:
    """A lease that was ended: when, by whom, and what was true then."""

    at: float
    by: str
    unrenewed: float
    leader: str


class Site:
    """n1 leads; its standby is n2, unless the site is asynchronous."""

    def __init__(self, size: int = 3, *, standby: str = "n2", phase: float = 0.0) -> None:
        names = [f"n{i + 1}" for i in range(size)]
        members = [{"name": n, "address": f"192.0.2.{n[1:]}"} for n in names]
        hosts = [{**m, "addresses": [m["address"]], "ports": [22]} for m in members]
        for host in hosts:
            del host["address"]
        self.machines = {
            name: Machine(name, make(node=name, members=members, hosts=hosts)) for name in names
        }
        self.now = 0.0
        self.phase = phase
        self.blocked: set[tuple[str, str]] = set()
        self.standby = standby
        self.leader: str | None = "n1"
        self.lease = 1000
        self.renewed_at = 0.0
        self.expires_at = float(TTL)
        self.etcd_leader: str | None = names[-1]
        self.election_ends = 0.0
        self.revoked: list[Revocation] = []
        self.reachable_at = dict.fromkeys(names, 0.0)
        """When the leader's host was last in reach of a node."""

    # --- the truth ---

    def link(self, a: str, b: str) -> bool:
        """Packets go both ways between two nodes, without which there is no conversation."""
        if a == b:
            return True
        return (a, b) not in self.blocked and (b, a) not in self.blocked

    def answers(self, a: str, b: str) -> bool:
        """Would b's kernel answer a?"""
        there = self.machines[b]
        return there.on and not there.paused and self.link(a, b)

    def quorum(self, name: str) -> bool:
        if not self.machines[name].runs:
            return False
        with_it = [n for n, m in self.machines.items() if m.runs and self.link(name, n)]
        return len(with_it) > len(self.machines) / 2

    def readable(self, name: str) -> bool:
        """Is a linearizable read possible at this node's etcd member?"""
        leader = self.etcd_leader
        if leader is None or not self.quorum(leader):
            return False
        return self.quorum(name) and self.link(name, leader)

    # --- time ---

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP)):
            self.step()

    def step(self) -> None:
        self.now += STEP
        self._etcd()
        self._patroni()
        for name, machine in self.machines.items():
            if self.leader and self.answers(name, self.leader):
                self.reachable_at[name] = self.now
            if machine.paused:
                machine.lag += STEP
            if machine.runs:
                self._agent(machine)
        for machine in self.machines.values():
            if machine.runs and machine.daemon:
                self._daemon(machine)

    def _etcd(self) -> None:
        if self.etcd_leader is not None and not self.quorum(self.etcd_leader):
            self.etcd_leader = None
            self.election_ends = self.now + ELECTION
        if self.etcd_leader is None and self.now >= self.election_ends:
            able = [name for name in self.machines if self.quorum(name)]
            if able:
                self.etcd_leader = able[0]
                self.expires_at = self.now + TTL + 1.0  # a new leader extends every lease
        if self.etcd_leader is not None and self.now >= self.expires_at:
            self.leader = None

    def _patroni(self) -> None:
        if self.leader is None:
            return
        due = self.now - self.renewed_at >= LOOP_WAIT - STEP / 2
        if due and self.machines[self.leader].runs and self.readable(self.leader):
            self.renewed_at = self.now
            self.expires_at = self.now + TTL

    def _agent(self, machine: Machine) -> None:
        for peer in self.machines:
            there = peer != machine.name and self.answers(machine.name, peer)
            if there and self.machines[peer].runs:
                machine.heard[peer] = self.now

    def _sees(self, machine: Machine) -> tuple[str, ...]:
        return tuple(n for n, at in machine.heard.items() if self.now - at <= AGENT_FALL)

    # --- what a daemon sees ---

    def _daemon(self, me: Machine) -> None:
        clock = self.now - me.lag
        limits = me.config.limits
        if clock - me.asked_at >= limits.poll - STEP / 2:
            me.asked_at = clock
            for observation in self._observations(me, clock):
                delay = 0.0 if observation.ok else limits.timeout
                if isinstance(observation.found, Reach) and observation.found.asked:
                    delay = 0.0 if observation.found.answered else limits.timeout
                me.pending.append((clock + delay, observation))
        news = [o for at, o in me.pending if at <= clock + STEP / 2]
        me.pending = [(at, o) for at, o in me.pending if at > clock + STEP / 2]
        news = sorted([*me.results, *news], key=lambda o: o.at)
        me.results = []
        me.last = decide(me.config, me.state, news, clock)
        me.state = me.last.state
        if me.last.verdict.end:
            result = act.end_lease(
                lambda path, body: self.post(me, path, body),
                me.config.key_prefix,
                me.last.verdict.end,
                limits.not_renewed_for,
                lambda: clock,
            )
            me.results.append(result)

    def _observations(self, me: Machine, clock: float) -> list[Observation]:
        seen: list[Observation] = []
        try:
            found = cluster_state(lambda p, b: self.post(me, p, b), me.config.key_prefix)
            seen.append(Observation(ETCD, clock, Outcome.OK, found=found))
        except OSError as error:
            seen.append(Observation(ETCD, clock, Outcome.FAILED, str(error)))
        for peer in self.machines.values():
            check = AGENT + peer.name
            if peer.runs and self.link(me.name, peer.name):
                sees = self._sees(peer)
                isolated = 1 + len(sees) < me.config.majority
                answer = view(peer.name, sees, isolated=isolated)
                seen.append(Observation(check, clock, Outcome.OK, found=answer))
            else:
                seen.append(Observation(check, clock, Outcome.TIMED_OUT))
            if peer is not me:
                asked = bool(me.last and peer.name in me.last.verdict.suspects)
                answered = "a port" if asked and self.answers(me.name, peer.name) else ""
                reach = Reach(asked, answered)
                seen.append(Observation(REACH + peer.name, clock, Outcome.OK, found=reach))
        return seen

    def post(self, me: Machine, path: str, body: Any) -> Mapping[str, Any]:
        """etcd's gateway at a node."""
        if not self.readable(me.name):
            raise EtcdError("etcdserver: request timed out", 14)
        if path == "/v3/kv/txn":
            sync = {"leader": "n1", "sync_standby": self.standby or None}
            settings = {"synchronous_mode": bool(self.standby)}
            return transaction(self.leader, sync, settings, lease_id=str(self.lease))
        if body["ID"] != str(self.lease) or self.leader is None:
            raise EtcdError("etcdserver: requested lease not found", 5)
        if path == "/v3/lease/timetolive":
            return time_to_live(math.floor(self.expires_at - self.now), TTL, str(self.lease))
        assert path == "/v3/lease/revoke", json.dumps(body)
        unrenewed = self.now - self.renewed_at
        self.revoked.append(Revocation(self.now, me.name, unrenewed, self.leader))
        self.leader = None
        return {"header": {}}
