"""The daemon's configuration: one JSON file, read strictly, and its secrets in another.

Addresses are literals, because a name would put a resolver that can hang between the daemon and
its evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from langflow_ha.failover.config import Host, Times, check_hosts, check_times
from langflow_ha.node.members import Member, addresses, majority, unique
from langflow_ha.node.strict import (
    ConfigError,
    build,
    literal_addresses,
    read_json,
)

DEFAULT_PATH = Path("/etc/langflow-ha/runs.json")


@dataclass(frozen=True, slots=True)
class Limits(Times):
    """Bounds of time, in seconds. Queued runs of a node are closed once it was `silent_for`."""

    call: float
    """For one call of LangFlow's API."""
    stagger: float
    """How much longer the second living node waits than the first, the third than the second …"""
    retry: float
    """From one attempt to close a run to the next."""


@dataclass(frozen=True, slots=True)
class Config:
    """One node's configuration."""

    node: str
    listen_addresses: tuple[str, ...]
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


def parse(raw: object) -> Config:
    """Build a `Config` from decoded JSON, or raise `ConfigError`."""
    config: Config = build(Config, raw)
    unique(config.members)
    if config.node not in [host.name for host in config.langflows]:
        raise ConfigError("node", config.node, "must be one of the langflows")
    check_hosts("langflows", config.langflows, config.members)
    listening = [("listen_addresses", address) for address in config.listen_addresses]
    literal_addresses([*listening, *addresses(config.members)])
    check_times(config.limits)
    if config.limits.retry < config.limits.call:
        raise ConfigError("limits.retry", config.limits.retry, "must not be below call")
    return config
