"""A cluster of three and its reports, as `langflow-ha report` prints them, whole and broken."""

from __future__ import annotations

import copy
import time
from typing import Any

from langflow_ha.page.config import Config, parse
from langflow_ha.page.decide import firing, page
from langflow_ha.page.model import Alerting, Answer, Page

AT = 1795573812.0
GROUPS = ["cluster", "balancer", "langflow", "etcd", "postgresql", "valkey", "minio"]
NODES = ("n1", "n2", "n3")
RAW: dict[str, Any] = {
    "node": "n2",
    "site": "blue",
    "listen_address": "127.0.0.1",
    "port": 0,
    "page": True,
    "vips": ["198.18.79.100"],
    "nodes": [
        {"name": name, "address": f"198.18.79.{11 + i}", "groups": GROUPS}
        for i, name in enumerate(NODES)
    ],
    "report_socket": "/run/langflow-ha-report.sock",
    "alertmanagers": [],
    "alertmanager_credentials": "",
    "ca_file": "",
    "limits": {"fresh": 2.0, "connect": 1.0, "report": 5.0, "answer": 6.0},
}
UNITS = ("langflow-ha-agent", "haproxy", "keepalived", "langflow", "patroni", "valkey-sentinel")


def config(**changes: Any) -> Config:
    return parse({**copy.deepcopy(RAW), **changes})


def stamp(ago: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.120Z", time.gmtime(AT - ago))


def event(ago: float, level: str, name: str, detail: str) -> dict[str, str]:
    return {"time": stamp(ago), "level": level, "event": name, "detail": detail}


def report(name: str, **changes: Any) -> dict[str, Any]:
    """A healthy node's report: n1 has the VIP and the primary, n2 the standby and the master."""
    others = [other for other in NODES if other != name]
    roles = {"n1": "leader", "n2": "sync_standby", "n3": "replica"}
    members = [
        {"name": n, "role": roles[n], "state": "streaming" if n != "n1" else "running", "lag": 0}
        for n in NODES
    ]
    told: dict[str, Any] = {
        "node": name,
        "units": {
            f"{u}.service": {"active": "active", "sub": "running", "restarts": "0"} for u in UNITS
        },
        "versions": {
            "patroni": "4.0.4-6",
            "haproxy": "3.0.11-1",
            "keepalived": "1:2.3.3-1",
            "postgresql-17": "17.6-0",
            "etcd-server": "3.5.16-4",
            "valkey-server": "8.1.1",
        },
        "certificates": {"/etc/langflow-ha/tls/node.crt": "Oct 27 00:00:00 2027 GMT"},
        "agent": {
            "standing": "fit",
            "weight": 40 if name == "n1" else 0,
            "vip_held": name == "n1",
            "checks": {f"peer:{other}": {"up": True} for other in others},
        },
        "vip": {"held": name == "n1"},
        "langflow": {"ready": True, "version": "1.13.0"},
        "patroni": {"members": members},
        "etcd": {"health": "true"},
        "minio": {"live": True, "cluster": True},
        "valkey": {"role": "master"}
        if name == "n2"
        else {"role": "slave", "master_link_status": "up"},
        "haproxy": [{"pxname": "langflow", "svname": n, "status": "UP"} for n in NODES],
        "backup": {
            "at": AT - 240,
            "states": [
                {"kind": kind, "newest": {"at": AT - hours * 3600}, "limit_hours": 30.0}
                for kind, hours in (
                    ("database", 3),
                    ("files", 2),
                    ("flows", 2),
                    ("configuration", 9),
                )
            ],
            "problems": [],
        },
        "events": [
            event(86400, "info", "check_up", "langflow"),
            event(86460, "info", "verdict", "fit, weight 0"),
        ],
    }
    return {**told, **changes}


def healthy() -> dict[str, Answer]:
    return {name: report(name) for name in NODES}


def one_down() -> dict[str, Answer]:
    """n1 has lost its power; n2 took over what it had; the backups are late."""
    reports = {name: report(name) for name in ("n2", "n3")}
    members = [
        {"name": "n2", "role": "leader", "state": "running"},
        {"name": "n3", "role": "sync_standby", "state": "streaming", "lag": 3 << 20},
    ]
    rows = [
        {"pxname": "langflow", "svname": n, "status": "DOWN" if n == "n1" else "UP"} for n in NODES
    ]
    for name, told in reports.items():
        told |= {
            "patroni": {"members": members},
            "haproxy": rows,
            "vip": {"held": name == "n2"},
            "agent": {
                "standing": "fit",
                "weight": 40 if name == "n2" else 0,
                "vip_held": name == "n2",
                "checks": {
                    "peer:n1": {"up": False},
                    "peer:n2": {"up": True},
                    "peer:n3": {"up": True},
                },
            },
            "events": [
                event(41, "warning", "check_down", "peer:n1: no answer in 0.3 s"),
                event(40.2, "info", "vip_taken", "weight 40"),
                event(33, "warning", "leader_silent", "n1: a majority does not see its host"),
                event(32.5, "warning", "lease_ended", "n1's lease, after 8.1 s of silence"),
            ],
        }
    reports["n2"]["backup"]["states"][0]["newest"]["at"] = AT - 33 * 3600
    return {"n1": "no connection in 1 s", **reports}


def half_down() -> dict[str, Answer]:
    """n1 and n2 are gone: n3 alone has no majority of anything."""
    told = report(
        "n3",
        agent={
            "standing": "isolated",
            "weight": -254,
            "vip_held": False,
            "checks": {"peer:n1": {"up": False}, "peer:n2": {"up": False}},
        },
        langflow={"ready": False, "version": "1.13.0"},
        patroni={
            "members": [{"name": "n3", "role": "replica", "state": "running", "lag": "unknown"}]
        },
        etcd={"error": "[Errno 111] Connection refused"},
        minio={"live": True, "cluster": False},
        valkey={"role": "slave", "master_link_status": "down"},
        haproxy=[{"pxname": "langflow", "svname": n, "status": "DOWN"} for n in NODES],
        certificates={"/etc/langflow-ha/tls/node.crt": "Dec 12 00:00:00 2026 GMT"},
        events=[
            event(12, "page", "langflow_healing_exhausted", "restarts did not help; no more tries"),
            event(62, "warning", "verdict", "isolated, weight -254: reaches 1 of 3 members"),
            event(63, "info", "vip_released", "weight -254"),
            *(
                event(64 + i, "warning", "check_down", f"peer:n{i % 2 + 1}: no answer in 0.3 s")
                for i in range(12)
            ),
        ],
    )
    return {
        "n1": "no connection in 1 s",
        "n2": "no connection in 1 s",
        "n3": told,
    }


def alert(name: str, severity: str, summary: str, **more: Any) -> dict[str, Any]:
    return {
        "fingerprint": f"{name}-{severity}",
        "status": {"state": "active"},
        "labels": {"alertname": name, "severity": severity, "node": "n1"},
        "annotations": {"summary": summary},
        "startsAt": "2026-11-25T02:29:31.000Z",
        **more,
    }


def alerting() -> Alerting:
    return firing(
        [
            [
                alert("BackupTooOld", "warning", "The newest backup of the database is 33 h old."),
                alert("NodeDown", "critical", "Its health agent has not answered for 30 s."),
            ]
        ]
    )


def made(answers: dict[str, Answer], alerts: Alerting | None = None) -> Page:
    return page(config(), answers, alerts or Alerting(configured=False), AT)
