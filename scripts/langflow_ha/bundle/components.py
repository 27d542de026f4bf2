"""Which Debian packages each part of a site installs: a table, and pure functions over it."""

from __future__ import annotations

from collections.abc import Iterable

CONTROLLER = "controller"
BY_CHOICE = ("logs", "traces")
"""Parts that a site has only when it asks for them."""

# What the roles of a component install. tests/bundle/test_archive.py compares it with the roles.
# python3-apt: Ansible's apt module would fetch it by itself.
PACKAGES: dict[str, tuple[str, ...]] = {
    "cluster": (
        "ca-certificates",
        "chrony",
        "iproute2",
        "needrestart",
        "nftables",
        "openssl",
        "prometheus-node-exporter",
        "python3",
        "python3-apt",
        "python3-cryptography",
    ),
    "balancer": ("haproxy", "keepalived"),
    "langflow": ("haproxy",),
    "etcd": ("etcd-client", "etcd-server"),
    "postgresql": (
        "acl",
        "patroni",
        "postgresql-17",
        "postgresql-17-pgvector",
        "prometheus-postgres-exporter",
        "python3-etcd",
        "python3-psycopg2",
    ),
    "backup": ("pgbackrest", "rclone", "restic"),
    "valkey": ("prometheus-redis-exporter", "valkey-sentinel", "valkey-server", "valkey-tools"),
    "minio": ("minio-client",),
    "nfs": ("nfs-common",),
    "nfs_server": ("nfs-kernel-server",),
    "monitoring": ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter"),
    "logs": ("haproxy",),
    "traces": (),
    CONTROLLER: ("ca-certificates", "git", "openssh-client", "python3", "python3-venv", "rsync"),
}

# Debian 12 has Redis for Valkey; databases, the store's client and what goes with them it does not have.
_OTHERS: dict[str, dict[str, tuple[str, ...]]] = {
    "debian12": {
        "valkey": ("prometheus-redis-exporter", "redis-sentinel", "redis-server", "redis-tools"),
        "postgresql": (),
        "backup": (),
        "minio": (),
    }
}


def components() -> list[str]:
    """Return the names of all parts of a site."""
    return [name for name in PACKAGES if name != CONTROLLER]


def checked(names: Iterable[str]) -> list[str]:
    """Return the names in the order of the table; ValueError for one that it does not have."""
    wanted = set(names)
    if unknown := sorted(wanted - set(components())):
        raise ValueError(f"--component {unknown[0]!r}: there are {', '.join(components())}")
    return [name for name in components() if name in wanted]


def packages(system: str, names: Iterable[str]) -> list[str]:
    """Return the packages that the components install on an operating system."""
    other = _OTHERS.get(system, {})
    return sorted({package for name in names for package in other.get(name, PACKAGES[name])})
