"""A three-member configuration and short ways to say what was seen."""

from __future__ import annotations

import copy
from typing import Any

from langflow_ha.health import config
from langflow_ha.health.config import Config
from langflow_ha.health.decide import Decision, decide
from langflow_ha.health.model import Observation, Outcome, PeerView, Stage, State, Surroundings

OK, FAILED, TIMED_OUT = Outcome.OK, Outcome.FAILED, Outcome.TIMED_OUT


def pace(
    interval: float,
    timeout: float,
    retry: float,
    *,
    fall: int = 2,
    fall_timeout: int = 2,
    rise: int = 2,
) -> dict[str, float]:
    """A pace as JSON has it."""
    times = {"interval": interval, "timeout": timeout, "retry": retry}
    return {**times, "fall": fall, "fall_timeout": fall_timeout, "rise": rise}


RAW: dict[str, Any] = {
    "node": "n1",
    "listen_address": "127.0.0.1",
    "http_port": 0,
    "agent_check_port": 0,
    "members": [
        {"name": "n1", "address": "192.0.2.1"},
        {"name": "n2", "address": "192.0.2.2"},
        {"name": "n3", "address": "192.0.2.3"},
    ],
    "vip_addresses": ["192.0.2.100"],
    "tie_breakers": [],
    "haproxy": {
        "live_url": "http://127.0.0.1:8404/live",
        "usable_url": "http://127.0.0.1:8404/usable",
        "whole_url": "http://127.0.0.1:8404/whole",
    },
    "langflow": {
        "ready_url": "http://192.0.2.1:7860/health_check",
        "unit": "langflow.service",
        "runs_url": "",
    },
    "backends": [
        {"name": "postgresql", "kind": "tcp", "address": "127.0.0.1", "port": 5432},
        {"name": "valkey", "kind": "resp", "address": "127.0.0.1", "port": 6379},
    ],
    "share": {"directory": "/srv/share"},
    "paces": {
        "haproxy": pace(0.2, 0.25, 0.05, fall_timeout=3, rise=3),
        "usable": pace(0.5, 0.25, 0.5, fall=2, fall_timeout=3, rise=2),
        "peer": pace(0.25, 0.3, 0.25, fall=3, fall_timeout=3),
        "langflow": pace(0.5, 1.0, 0.5),
        "backend": pace(1.0, 1.0, 1.0),
        "share": pace(1.0, 1.5, 0.25),
        "burden": pace(5.0, 2.0, 5.0, rise=1),
    },
    "limits": {
        "tick": 0.1,
        "stall": 2.0,
        "peer_view_age": 1.0,
        "restart_grace": 3.0,
        "dual_owner_grace": 2.0,
        "yield_hold": 30.0,
        "release_grace": 1.0,
        "blind_grace": 4.0,
    },
    "healing": {
        "hung_after": 20.0,
        "start_grace": 240.0,
        "backoff": 10.0,
        "tries": 3,
        "window": 600.0,
    },
    "recycling": {
        "memory_bytes": 1000,
        "after": 300.0,
        "claim": 30.0,
        "drain": 300.0,
        "restart": 600.0,
        "tries": 3,
        "window": 86400.0,
    },
    "paths": {
        "weight_file": "/nonexistent/vip-weight",
        "maintenance_file": "/nonexistent/maintenance",
        "canary_file": "/nonexistent/canary",
        "restart_request": "/nonexistent/restart",
        "recycle_request": "/nonexistent/recycle",
        "keepalived_request": "/nonexistent/keepalived",
        "handover_file": "/nonexistent/handover",
        "journal": "/nonexistent/events.jsonl",
        "journal_bytes": 100000,
    },
    "report": {
        "units": [],
        "packages": [],
        "certificates": [],
        "ca_file": "",
        "client_certificate": "",
        "client_key": "",
        "patroni_url": "",
        "etcd_url": "",
        "minio_url": "",
        "langflow_version_url": "",
        "haproxy_socket": "",
        "backup_file": "",
        "data_directories": [],
        "journals": [],
        "valkey_address": "",
        "valkey_port": 6379,
        "valkey_password_file": "",
    },
}


def raw(**changes: Any) -> dict[str, Any]:
    """A fresh copy of the configuration as JSON would have it."""
    return {**copy.deepcopy(RAW), **changes}


def make(**changes: Any) -> Config:
    return config.parse(raw(**changes))


def two_members() -> Config:
    return make(members=RAW["members"][:2], tie_breakers=[{"address": "192.0.2.254", "port": 53}])


def view(name: str, **changes: Any) -> PeerView:
    """A healthy peer's view of itself."""
    fields: dict[str, Any] = {
        "name": name,
        "fit": True,
        "isolated": False,
        "vip_held_for": None,
        "checks": dict.fromkeys(
            ("haproxy", "usable", "whole", "langflow", "postgresql", "valkey", "share"), True
        ),
        "sees": ("n1", "n2", "n3"),
        "boot_id": "b",
        "seq": 1,
        "loop_age": 0.05,
        "stage": Stage.IDLE,
    }
    return PeerView(**{**fields, **changes})


class Node:
    """A node on a clock of its own: feed it rounds of observations, read its decisions."""

    def __init__(self, settings: Config, start: float = 1000.0) -> None:
        self.config = settings
        self.now = start
        self.state = State()
        self.held = False
        self.maintenance = False
        self.memory: int | None = 500
        self.in_flight: int | None = 0
        self.canary_weight: int | None = None

    def round(
        self,
        step: float = 0.3,
        views: dict[str, PeerView] | None = None,
        refusing: tuple[str, ...] = (),
        **outcomes: Outcome,
    ) -> Decision:
        """One observation of every check; all well unless `outcomes` says otherwise.

        `refusing` are peers whose host is there and whose agent is not.
        """
        self.now += step
        views = views or {}
        names = ["haproxy", "usable", "whole", "langflow", "share"]
        names += [b.name for b in self.config.backends]
        seen = [Observation(name, self.now, outcomes.get(name, OK), "seen") for name in names]
        for name, found in (("memory", self.memory), ("work", self.in_flight)):
            outcome = FAILED if found is None else OK
            seen.append(Observation(name, self.now, outcome, "seen", found=found))
        for peer in self.config.peers:
            refused = peer.name in refusing
            outcome = FAILED if refused else outcomes.get(peer.name, OK)
            answer = views.get(peer.name, view(peer.name)) if outcome is OK else None
            seen.append(
                Observation(f"peer:{peer.name}", self.now, outcome, "seen", answer, refused)
            )
        if len(self.config.members) == 2:
            seen += [
                Observation(f"tie:{t.address}:{t.port}", self.now, outcomes.get("tie", OK))
                for t in self.config.tie_breakers
            ]
        return self.see(*seen)

    def see(self, *observations: Observation) -> Decision:
        around = Surroundings(self.held, self.maintenance, self.canary_weight)
        decision = decide(self.config, self.state, observations, around, self.now)
        self.state = decision.state
        return decision

    def rounds(self, count: int, **kwargs: Any) -> Decision:
        for _ in range(count):
            decision = self.round(**kwargs)
        return decision
