"""Reads a node's `langflow-ha report --json` into a `NodeStatus`. Pure.

Lenient on purpose: a section that is missing or is `{"error": …}` leaves its fields unknown and, if
the inventory puts that part on the node, a problem to show. It must never stop the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from langflow_ha.status.decide import decide
from langflow_ha.status.model import BackupStatus, ClusterView, Kept, NodeStatus

SENTINEL_UNITS = ("valkey-sentinel.service", "redis-sentinel.service")
LANGFLOW_UNIT = "langflow.service"
SECTION_OF_GROUP = {
    "langflow": "langflow",
    "postgresql": "patroni",
    "etcd": "etcd",
    "valkey": "valkey",
    "minio": "minio",
}


def _section(report: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a section, {} when it is missing or an error."""
    value = report.get(name)
    return value if isinstance(value, dict) and "error" not in value else {}


def certificate_days(ends: Mapping[str, Any], now: datetime) -> float | None:
    """Return the days until the first certificate ends; the dates are OpenSSL's (`Jan  2 03:04:05 2030 GMT`)."""
    days = []
    for text in ends.values():
        try:
            end = datetime.strptime(str(text), "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC)
        except ValueError:
            continue
        days.append((end - now).total_seconds() / 86400)
    return min(days, default=None)


def _patroni(name: str, section: Mapping[str, Any]) -> dict[str, Any]:
    """Return the PostgreSQL fields from Patroni's `/patroni` (one member) or `/cluster` (all)."""
    if members := section.get("members"):
        mine: dict[str, Any] = next((m for m in members if m.get("name") == name), {})
        role, state = str(mine.get("role", "")), str(mine.get("state", ""))
        lag = mine.get("lag")
    else:
        role, state = str(section.get("role", "")), str(section.get("state", ""))
        lag = None
        if section.get("sync_standby"):
            role = "sync_standby"
        if str(section.get("replication_state", "")) == "streaming":
            state = "streaming"
    running = state in ("running", "streaming")
    primary = role in ("leader", "primary", "master")
    return {
        "postgresql": ("primary" if primary else "replica") if running and role else "",
        "postgresql_state": state,
        "synchronous": role in ("sync_standby", "quorum_standby"),
        "lag_bytes": int(lag) if isinstance(lag, int) else None,
    }


def _backup(section: Mapping[str, Any]) -> BackupStatus | None:
    """Return what the keeper found; None when the node makes no backups or has not looked yet."""
    if "states" not in section:
        return None
    kept = tuple(
        Kept(
            kind=str(state["kind"]),
            at=float(state["newest"]["at"]) if state.get("newest") else None,
            limit_hours=float(state["limit_hours"]),
        )
        for state in section["states"]
    )
    return BackupStatus(float(section["at"]), kept, tuple(map(str, section["problems"])))


def _disks(section: Mapping[str, Any]) -> dict[str, float]:
    """Return how full (percent) each file system with data is; what only root may use counts as used up, as in df."""
    found = {}
    for path, space in section.items():
        used, available = int(space["used_bytes"]), int(space["available_bytes"])
        found[path] = 100 * used / (used + available) if used + available else 0.0
    return found


def traffic(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return node → state of its LangFlow in the balancers; differing views are joined with "/"."""
    seen: dict[str, set[str]] = {}
    for report in reports.values():
        rows = report.get("haproxy")
        for row in rows if isinstance(rows, list) else []:
            if row.get("pxname") == "langflow" and row.get("svname") not in ("BACKEND", "FRONTEND"):
                # "UP 1/3" is a server whose checks are failing: it still gets traffic.
                seen.setdefault(str(row["svname"]), set()).add(
                    str(row.get("status", "")).split(" ")[0]
                )
    return {name: "/".join(sorted(states)) for name, states in seen.items()}


def node_status(
    name: str,
    groups: frozenset[str],
    report: Mapping[str, Any],
    now: datetime,
    traffic_state: str = "",
) -> NodeStatus:
    """Return what a node reports, as far as it could be read."""
    agent, vip = _section(report, "agent"), _section(report, "vip")
    langflow, etcd = _section(report, "langflow"), _section(report, "etcd")
    valkey, minio = _section(report, "valkey"), _section(report, "minio")
    units = _section(report, "units")
    sentinel = [units[u]["active"] == "active" for u in SENTINEL_UNITS if u in units]
    role = str(valkey.get("role", ""))
    versions = {k: str(v) for k, v in _section(report, "versions").items()}
    if langflow.get("version"):
        versions["langflow"] = str(langflow["version"])
    problems = [
        f"{unit} is {state.get('active')}"
        for unit, state in units.items()
        if state.get("active") not in ("active", "activating", "reloading")
    ]
    for group, section in SECTION_OF_GROUP.items():
        value = report.get(section)
        if group in groups and isinstance(value, dict) and "error" in value:
            problems.append(f"{section}: {value['error']}")
    share = _section(agent.get("checks", {}), "share")
    if share.get("up") is False:
        problems.append(f"shared files: {share.get('detail')}")
    return NodeStatus(
        name=name,
        groups=groups,
        holds_vip=bool(vip.get("held", agent.get("vip_held", False))),
        standing=str(agent.get("standing", "")) or ("unknown" if "balancer" in groups else ""),
        weight=agent.get("weight"),
        traffic=traffic_state,
        langflow=bool(langflow.get("ready")) if "langflow" in groups else None,
        langflow_restarts=int(_section(units, LANGFLOW_UNIT).get("restarts", 0)),
        canary=agent.get("canary_weight"),
        **(_patroni(name, _section(report, "patroni")) if "postgresql" in groups else {}),
        etcd=(str(etcd.get("health", "false")).lower() == "true") if "etcd" in groups else None,
        valkey={"slave": "replica"}.get(role, role),
        valkey_link=(valkey.get("master_link_status") == "up") if role == "slave" else None,
        sentinel=any(sentinel) if sentinel else None,
        store=bool(minio.get("live")) if "minio" in groups else None,
        share=share.get("up"),
        versions=versions,
        certificate_days=certificate_days(_section(report, "certificates"), now),
        disks=_disks(_section(report, "disks")),
        problems=tuple(problems),
        backup=_backup(_section(report, "backup")),
    )


def cluster_view(
    site: str,
    vips: tuple[str, ...],
    groups: Mapping[str, frozenset[str]],
    answers: Mapping[str, dict[str, Any] | str],
    at: float,
) -> ClusterView:
    """Return the cluster at a moment (epoch) from the nodes' groups and their reports.

    Instead of its report a node may have the reason why there is none.
    """
    states = traffic({name: told for name, told in answers.items() if isinstance(told, dict)})
    now = datetime.fromtimestamp(at, UTC)
    nodes = []
    for name, of_node in groups.items():
        told = answers[name]
        if isinstance(told, dict):
            nodes.append(node_status(name, of_node, told, now, states.get(name, "")))
        else:
            nodes.append(NodeStatus(name, of_node, error=told))
    return ClusterView(site, vips, at, tuple(nodes), decide(nodes, at))
