"""The daemon's configuration: one JSON file, read strictly, and its secrets in another.

Addresses are literals, because a name would put a resolver that can hang between the daemon and
its evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from langflow_ha.failover.config import Host
from langflow_ha.node.members import Member, addresses, majority, unique
from langflow_ha.node.strict import (
    ConfigError,
    above_zero,
    build,
    literal_addresses,
    read_json,
)

DEFAULT_PATH = Path("/etc/langflow-ha/runs.json")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of time, in seconds."""

    tick: float
    """The longest time between two decisions; an observation that arrives brings one forward."""
    poll: float
    """From one question to the next."""
    timeout: float
    """For any one question."""
    call: float
    """For one call of LangFlow's API."""
    fresh: float
    """An observation older than this is no evidence."""
    silent_for: float
    """How long another node must have been without a sign of life before its queued runs are closed."""
    stagger: float
    """How much longer the second living node waits than the first, the third than the second …"""
    retry: float
    """From one attempt to close a run to the next."""
    stall: float
    """A gap between two decisions above this means that the daemon was frozen: forget."""


@dataclass(frozen=True, slots=True)
class Config:
    """One node's configuration."""

    node: str
    listen_address: str
    http_port: int
    members: tuple[Member, ...]
    """Every node that runs a health agent; the majority is counted over these."""
    agent_port: int
    langflows: tuple[Host, ...]
    """The nodes that run a LangFlow, with what is tried there for a sign of life."""
    langflow_port: int
    invocation: str
    """The link by which systemd says which start of LangFlow runs here."""
    secrets: str
    """File with the database's URL and LangFlow's secret key."""
    limits: Limits
    journal: str
    journal_bytes: int

    @property
    def majority(self) -> int:
        """How many members are more than half of all there are."""
        return majority(self.members)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the daemon needs to read the queue, and to speak for the user of a run."""

    database: str
    """libpq URL of LangFlow's database."""
    secret_key: str
    """`LANGFLOW_SECRET_KEY`: LangFlow signs its access tokens with it."""


def load(path: Path) -> Config:
    """Read and check the file. Raises `ConfigError`, or `OSError` when it cannot be read."""
    return parse(read_json(path))


def load_secrets(path: Path) -> Secrets:
    """Read the secrets. Raises `ConfigError`, or `OSError` when they cannot be read."""
    secrets: Secrets = build(Secrets, read_json(path))
    return secrets


def parse(raw: object) -> Config:
    """Build a `Config` from decoded JSON, or raise `ConfigError`."""
    config: Config = build(Config, raw)
    names = [member.name for member in config.members]
    unique(config.members)
    if config.node not in [host.name for host in config.langflows]:
        raise ConfigError("node", config.node, "must be one of the langflows")
    for host in config.langflows:
        if host.name not in names:
            raise ConfigError("langflows", host.name, "must be one of the members")
        if not host.addresses or not host.ports:
            raise ConfigError(f"langflows.{host.name}", host.name, "needs an address and a port")
    places = [("listen_address", config.listen_address)]
    places += addresses(config.members)
    places += [(f"langflows.{h.name}.addresses", a) for h in config.langflows for a in h.addresses]
    literal_addresses(places)
    _check_limits(config.limits)
    return config


def _check_limits(limits: Limits) -> None:
    above_zero("limits", limits)
    if limits.fresh <= limits.poll + limits.timeout:
        raise ConfigError("limits.fresh", limits.fresh, "must be above poll plus timeout")
    if limits.stall >= limits.silent_for:
        raise ConfigError("limits.stall", limits.stall, "must be below silent_for")
    if limits.retry < limits.call:
        raise ConfigError("limits.retry", limits.retry, "must not be below call")
