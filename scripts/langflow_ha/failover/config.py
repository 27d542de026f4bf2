"""The daemon's configuration: one JSON file, read strictly.

Addresses are literals, because a name would put a resolver that can hang between the daemon and
its evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from langflow_ha.node.members import Member, addresses, majority, unique
from langflow_ha.node.strict import (
    ConfigError,
    above_zero,
    build,
    literal_addresses,
    read_json,
)

DEFAULT_PATH = Path("/etc/langflow-ha/failover.json")

FEWEST_MEMBERS = 3
"""Of two, a survivor cannot tell a dead partner from a cut cable, and has no majority anyway."""


@dataclass(frozen=True, slots=True)
class Host:
    """A member's ways in besides its health agent: every address it has, and ports to try there."""

    name: str
    addresses: tuple[str, ...]
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Etcd:
    """The local etcd member and the certificate to ask it with."""

    address: str
    port: int
    ca_file: str
    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Times:
    """Bounds of time for whoever judges whether a host is dead, in seconds."""

    tick: float
    """The longest time between two decisions; an observation that arrives brings one forward."""
    poll: float
    """From one question to the next."""
    timeout: float
    """For any one question."""
    fresh: float
    """An observation older than this is no evidence."""
    silent_for: float
    """How long all evidence must have held without interruption."""
    stall: float
    """A gap between two decisions above this means that the daemon was frozen: forget."""


@dataclass(frozen=True, slots=True)
class Limits(Times):
    """Bounds of time, in seconds."""

    not_renewed_for: float
    """How long the lease must not have been renewed, by etcd's own count."""
    rest: float
    """The shortest time between two leases that this node ends, or two fences of it."""
    fence_after: float
    """How long a leader must have been cut off, beyond `fresh`, before its own node fences it."""


@dataclass(frozen=True, slots=True)
class Config:
    """One node's configuration. `fence_request`: a file to ask systemd for a fence; "" = never."""

    node: str
    listen_addresses: tuple[str, ...]
    http_port: int
    members: tuple[Member, ...]
    agent_port: int
    hosts: tuple[Host, ...]
    etcd: Etcd
    key_prefix: str
    """`<namespace><scope>/` of Patroni's keys, with the slash."""
    limits: Limits
    fence_request: str
    journal: str
    journal_bytes: int

    @property
    def majority(self) -> int:
        """How many members are more than half of all there are."""
        return majority(self.members)


def load(path: Path) -> Config:
    """Read and check the file. Raises `ConfigError`, or `OSError` when it cannot be read."""
    return parse(read_json(path))


def parse(raw: object) -> Config:
    """Build a `Config` from decoded JSON, or raise `ConfigError`."""
    config: Config = build(Config, raw)
    _check_members(config)
    _check_addresses(config)
    check_hosts("hosts", config.hosts, config.members)
    check_times(config.limits)
    return config


def check_hosts(key: str, hosts: Sequence[Host], members: Sequence[Member]) -> None:
    """Refuse hosts, the value of `key`, that are no members or have no way in."""
    names = [member.name for member in members]
    for host in hosts:
        if host.name not in names:
            raise ConfigError(key, host.name, "must be one of the members")
        if not host.addresses or not host.ports:
            raise ConfigError(f"{key}.{host.name}", host.name, "needs an address and a port to try")
    literal_addresses((f"{key}.{host.name}.addresses", a) for host in hosts for a in host.addresses)


def check_times(limits: Times) -> None:
    """Refuse `limits` by which no evidence could ever hold."""
    above_zero("limits", limits)
    if limits.fresh <= limits.poll + limits.timeout:
        raise ConfigError("limits.fresh", limits.fresh, "must be above poll plus timeout")
    if limits.stall >= limits.silent_for:
        raise ConfigError("limits.stall", limits.stall, "must be below silent_for")


def _check_members(config: Config) -> None:
    names = [member.name for member in config.members]
    if config.node not in names:
        raise ConfigError("node", config.node, f"must be one of the members: {', '.join(names)}")
    unique(config.members)
    if len(names) < FEWEST_MEMBERS:
        raise ConfigError(
            "members", names, f"at least {FEWEST_MEMBERS} make a majority of the rest"
        )
    if not (config.key_prefix.startswith("/") and config.key_prefix.endswith("/")):
        raise ConfigError("key_prefix", config.key_prefix, "must look like /service/SCOPE/")


def _check_addresses(config: Config) -> None:
    places = [("listen_addresses", address) for address in config.listen_addresses]
    places.append(("etcd.address", config.etcd.address))
    places += addresses(config.members)
    literal_addresses(places)
