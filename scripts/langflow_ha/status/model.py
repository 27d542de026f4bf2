"""What one node says of itself, and what the cluster is as a whole. Values only."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

SHOWN_VERSIONS = (
    "langflow",
    "postgresql-17",
    "patroni",
    "etcd-server",
    "valkey-server",
    "haproxy",
    "keepalived",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """The newest backup of one kind. `at`: when it was complete (epoch), None when there is none."""

    kind: str
    at: float | None
    limit_hours: float

    def complaint(self, now: float) -> str:
        """Return what is wrong with its age at a moment, "" when it is young enough."""
        if self.at is None:
            return f"there is no backup of the {self.kind}"
        hours = (now - self.at) / 3600
        if hours <= self.limit_hours:
            return ""
        return f"the newest backup of the {self.kind} is {hours:.0f} h old, {self.limit_hours:g} h are allowed"


@dataclass(frozen=True, slots=True)
class BackupStatus:
    """What one node found in the backup target when it last looked (`at`, epoch)."""

    at: float
    kept: tuple[Kept, ...]
    problems: tuple[str, ...]
    """Gaps and damage; ages are told by `kept`."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """One node's report. None or "" means: not on this node, or not known."""

    name: str
    groups: frozenset[str]
    error: str = ""
    """Why the node could not be asked; all else is unknown then."""
    holds_vip: bool = False
    standing: str = ""
    """The health agent's word about the node as a holder of the VIP: fit, unfit, isolated, …"""
    weight: int | None = None
    traffic: str = ""
    """State of this node's LangFlow in the balancers: UP, DRAIN, MAINT, DOWN."""
    langflow: bool | None = None
    """LangFlow is ready: database included."""
    langflow_restarts: int = 0
    """Times that LangFlow was started again by itself (a crash, a hang) since somebody started it."""
    canary: int | None = None
    """Percent of a full share of traffic that a node with another version has; None: it is no canary."""
    postgresql: str = ""
    """`primary` or `replica`, "" when PostgreSQL does not run."""
    postgresql_state: str = ""
    synchronous: bool = False
    """A replica that every acknowledged commit has reached."""
    lag_bytes: int | None = None
    etcd: bool | None = None
    valkey: str = ""
    """`master` or `replica`."""
    valkey_link: bool | None = None
    """A replica's link to its master is up."""
    sentinel: bool | None = None
    store: bool | None = None
    """The node's object store answers."""
    share: bool | None = None
    """The node's shared directory takes writes."""
    versions: dict[str, str] = field(default_factory=dict)
    certificate_days: float | None = None
    disks: dict[str, float] = field(default_factory=dict)
    """Directories with data → how full the file system is that each is on, in percent."""
    problems: tuple[str, ...] = ()
    backup: BackupStatus | None = None

    @property
    def reachable(self) -> bool:
        """Tell whether the node answered at all."""
        return not self.error


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the cluster survives the loss of any one node now, and what else is wrong."""

    can_fail_over: bool
    because: tuple[str, ...]
    """Empty when it can; otherwise one line per hole."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterView:
    """All nodes at one moment, and the verdict."""

    site: str
    vips: tuple[str, ...]
    at: float
    nodes: tuple[NodeStatus, ...]
    verdict: Verdict

    @property
    def vip_owners(self) -> tuple[str, ...]:
        """Nodes that hold the VIP; exactly one in a healthy cluster."""
        return tuple(n.name for n in self.nodes if n.holds_vip)

    @property
    def backup(self) -> BackupStatus | None:
        """What the node knows that looked last; None when the site makes no backups."""
        found = [n.backup for n in self.nodes if n.backup]
        return max(found, key=lambda backup: backup.at, default=None)

    @property
    def primaries(self) -> tuple[str, ...]:
        """Nodes whose PostgreSQL is a primary."""
        return tuple(n.name for n in self.nodes if n.postgresql == "primary")

    @property
    def valkey_masters(self) -> tuple[str, ...]:
        """Nodes whose Valkey is a master."""
        return tuple(n.name for n in self.nodes if n.valkey == "master")

    @property
    def canaries(self) -> tuple[str, ...]:
        """Nodes that try another version with a part of the traffic."""
        return tuple(n.name for n in self.nodes if n.canary is not None)

    @property
    def ready_langflows(self) -> tuple[str, ...]:
        """Nodes with a LangFlow that is ready."""
        return tuple(n.name for n in self.nodes if n.langflow)

    @property
    def synchronous_standbys(self) -> tuple[str, ...]:
        """Replicas that have every acknowledged commit."""
        return tuple(n.name for n in self.nodes if n.postgresql == "replica" and n.synchronous)

    @property
    def versions(self) -> dict[str, tuple[str, ...]]:
        """The versions in use of what people ask for, by name; more than one: the nodes differ."""
        found = {
            name: {n.versions[name] for n in self.nodes if name in n.versions}
            for name in SHOWN_VERSIONS
        }
        return {name: tuple(sorted(versions)) for name, versions in found.items() if versions}


def as_data(view: ClusterView) -> dict[str, Any]:
    """Return the view as plain data for programs; the summary's names are the page's."""
    data = asdict(view)
    for node in data["nodes"]:
        node["groups"] = sorted(node["groups"])
    data["summary"] = {
        "vip_owners": view.vip_owners,
        "postgresql_primaries": view.primaries,
        "synchronous_standbys": view.synchronous_standbys,
        "valkey_masters": view.valkey_masters,
        "langflow_ready": view.ready_langflows,
        "canaries": view.canaries,
    }
    return data
