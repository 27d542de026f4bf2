"""Can the cluster fail over now? Pure: node reports in, verdict out.

"Yes" means: whichever single node is lost next, everything goes on without a hand. So the rule is
asked once for every node: take it away, and look for holes in what is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from langflow_ha.status.model import NodeStatus, Verdict

CERTIFICATE_WARNING_DAYS = 30.0
DISK_WARNING_PERCENT = 80.0
LOOK_S = 3600.0
"""The nodes look every ten minutes."""
LAG_WARNING_BYTES = 64 * 1024 * 1024


def majority(members: int) -> int:
    """Return how many of `members` are a majority."""
    return members // 2 + 1


def _members(nodes: Sequence[NodeStatus], group: str) -> list[NodeStatus]:
    return [node for node in nodes if group in node.groups]


def holes(everybody: Sequence[NodeStatus], left: Sequence[NodeStatus]) -> list[str]:
    """Return what `left`, the nodes that remain of `everybody`, could not do.

    Quorums count against all members that the inventory names: a member that has been down for a
    week still counts.
    """
    found = []
    alive = [node for node in left if node.reachable]
    if _members(everybody, "balancer") and not any(
        "balancer" in n.groups and n.standing in ("fit", "") for n in alive
    ):
        found.append("no balancer fit to hold the VIP")
    if _members(everybody, "langflow") and not any(
        n.langflow and n.share is not False for n in alive
    ):
        found.append("no LangFlow that is ready")
    databases = _members(everybody, "postgresql")
    if databases:
        has_primary = any(n.postgresql == "primary" for n in alive)
        if not has_primary and not any(n.postgresql == "replica" and n.synchronous for n in alive):
            found.append("no primary and no synchronous standby of PostgreSQL")
    for group, name, healthy in (
        ("etcd", "etcd", [n for n in alive if n.etcd]),
        ("minio", "object store", [n for n in alive if n.store]),
    ):
        total = len(_members(everybody, group))
        if total and len(healthy) < majority(total):
            found.append(f"{name}: {len(healthy)} of {total} members, {majority(total)} needed")
    if sentinels := [n for n in _members(everybody, "valkey") if n.sentinel is not None or n.error]:
        healthy = [n for n in alive if n.sentinel]
        if len(healthy) < majority(len(sentinels)):
            found.append(
                f"Sentinel: {len(healthy)} of {len(sentinels)}, {majority(len(sentinels))} needed"
            )
    if _members(everybody, "valkey") and not any(
        n.valkey == "master" or (n.valkey == "replica" and n.valkey_link) for n in alive
    ):
        found.append("no Valkey master and no replica with its data")
    return found


def silent(nodes: Sequence[NodeStatus]) -> dict[str, str]:
    """Return by name what is to be said of each node that does not answer."""
    return {n.name: f"{n.name} does not answer: {n.error}" for n in nodes if n.error}


def conflicts(nodes: Sequence[NodeStatus]) -> list[str]:
    """Return of what there is not exactly one."""
    found = []
    owners = [n.name for n in nodes if n.holds_vip]
    if _members(nodes, "balancer") and len(owners) != 1:
        found.append(
            f"the VIP has {len(owners)} owners ({', '.join(owners) or 'none'}) instead of one"
        )
    for kind, names in (
        ("PostgreSQL primaries", [n.name for n in nodes if n.postgresql == "primary"]),
        ("Valkey masters", [n.name for n in nodes if n.valkey == "master"]),
    ):
        group = "postgresql" if kind.startswith("P") else "valkey"
        if _members(nodes, group) and len(names) != 1:
            found.append(f"{len(names)} {kind} ({', '.join(names) or 'none'}) instead of one")
    return found


def wrong_now(nodes: Sequence[NodeStatus]) -> list[str]:
    """Return what is wrong before anything is lost."""
    return [*silent(nodes).values(), *conflicts(nodes)]


def warnings(nodes: Sequence[NodeStatus]) -> list[str]:
    """Return what deserves a look and does not stop a failover."""
    found = []
    for node in nodes:
        if not node.reachable:
            continue
        if "langflow" in node.groups and node.langflow is False:
            found.append(f"{node.name}: LangFlow is not ready")
        if node.canary is not None:
            version = node.versions.get("langflow", "of a version that is not known")
            found.append(
                f"{node.name}: a canary, LangFlow {version} with {node.canary} % of a full share: "
                "promote it or abort it (docs/upgrade.md)"
            )
        if "postgresql" in node.groups and not node.postgresql:
            found.append(f"{node.name}: PostgreSQL does not run")
        if node.lag_bytes is not None and node.lag_bytes > LAG_WARNING_BYTES:
            found.append(f"{node.name}: replica is {node.lag_bytes // 1048576} MiB behind")
        if node.etcd is False:
            found.append(f"{node.name}: etcd is unhealthy")
        if node.valkey == "replica" and node.valkey_link is False:
            found.append(f"{node.name}: Valkey replica has no link to its master")
        if node.store is False:
            found.append(f"{node.name}: the object store does not answer")
        days = node.certificate_days
        if days is not None and days < CERTIFICATE_WARNING_DAYS:
            found.append(f"{node.name}: certificate ends in {days:.0f} days")
        found += [
            f"{node.name}: the disk under {path} is {percent:.0f} % full"
            for path, percent in node.disks.items()
            if percent > DISK_WARNING_PERCENT
        ]
        found += [f"{node.name}: {problem}" for problem in node.problems]
    return found


def backup_warnings(nodes: Sequence[NodeStatus], now: float) -> list[str]:
    """Return what is wrong with the backups, as the node knows that looked last."""
    looked = [node.backup for node in nodes if node.backup]
    if not looked:
        return []
    newest = max(looked, key=lambda backup: backup.at)
    found = [kept.complaint(now) for kept in newest.kept]
    if now - newest.at > LOOK_S:
        found.append(f"nobody has looked at the backups for {(now - newest.at) / 3600:.0f} h")
    return [f"backup: {text}" for text in (*found, *newest.problems) if text]


def losses(nodes: Sequence[NodeStatus]) -> dict[str, tuple[str, ...]]:
    """Return by node: the holes that its loss would open, of those that are not open now."""
    base = holes(nodes, nodes)
    return {
        lost.name: tuple(
            hole
            for hole in holes(nodes, [node for node in nodes if node is not lost])
            if hole not in base
        )
        for lost in nodes
    }


def decide(nodes: Sequence[NodeStatus], now: float) -> Verdict:
    """Return whether the cluster survives the loss of any one node now (seconds since the epoch)."""
    because = wrong_now(nodes)
    because += [f"now: {hole}" for hole in holes(nodes, nodes)]
    because += [f"without {lost}: {hole}" for lost, new in losses(nodes).items() for hole in new]
    return Verdict(
        not because, tuple(because), tuple(warnings(nodes) + backup_warnings(nodes, now))
    )
