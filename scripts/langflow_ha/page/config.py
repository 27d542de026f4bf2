"""The daemon's configuration: one JSON file, read strictly.

Addresses are literals, because a name would put a resolver that can hang between the page and
whoever needs it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from langflow_ha.node.strict import ConfigError, build, read_json

DEFAULT_PATH = Path("/etc/langflow-ha/status-page.json")


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the cluster: where its daemon answers, and which parts it runs."""

    name: str
    address: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of time, in seconds."""

    fresh: float
    """What is younger than this is not asked for again, however many ask."""
    connect: float
    """A node that accepts no connection for this long is not waited for."""
    report: float
    """For this node's own report."""
    answer: float
    """For another node's report, and for an Alertmanager: the most that the page waits for anybody."""


@dataclass(frozen=True, slots=True)
class Config:
    """One node's configuration."""

    node: str
    site: str
    listen_address: str
    port: int
    page: bool
    """Whether this node serves the page, too; every node serves its report."""
    vips: tuple[str, ...]
    nodes: tuple[Member, ...]
    report_socket: str
    """Where root's unit answers with this node's report."""
    alertmanagers: tuple[str, ...]
    """Base URLs; () when there is no alerting."""
    alertmanager_credentials: str
    """File with USER:PASSWORD for the Alertmanagers; "" when they ask for none."""
    ca_file: str
    """The site's CA, for Alertmanagers with https."""
    limits: Limits


def load(path: Path) -> Config:
    """Read and check the file. Raises `ConfigError`, or `OSError` when it cannot be read."""
    return parse(read_json(path))


def parse(raw: object) -> Config:
    """Build a `Config` from decoded JSON, or raise `ConfigError`."""
    config: Config = build(Config, raw)
    names = [member.name for member in config.nodes]
    if len(set(names)) != len(names):
        raise ConfigError("nodes", names, "every name must be unique")
    if config.node not in names:
        raise ConfigError("node", config.node, f"must be one of the nodes: {', '.join(names)}")
    places = [("listen_address", config.listen_address)]
    places += [(f"nodes.{member.name}.address", member.address) for member in config.nodes]
    for key, address in places:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise ConfigError(key, address, "must be an IP address, not a name") from None
    if not 0 <= config.port <= 65535:
        raise ConfigError(
            "port", config.port, "must be a TCP port, 1 to 65535 (0 = any, for tests)"
        )
    for url in config.alertmanagers:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("alertmanagers", url, "must look like http://ADDRESS:PORT")
    for item in fields(config.limits):
        if (value := getattr(config.limits, item.name)) <= 0:
            raise ConfigError(f"limits.{item.name}", value, "must be above 0")
    if config.limits.report >= config.limits.answer:
        raise ConfigError(
            "limits.report",
            config.limits.report,
            f"must be below limits.answer ({config.limits.answer}), or a node that knows why it has "
            "no report could not say so in time",
        )
    return config
