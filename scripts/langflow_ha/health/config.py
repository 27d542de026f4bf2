"""The agent's configuration: one JSON file, read strictly.

Addresses are literals, because a name would put a resolver that can
hang between the agent and its verdict.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from langflow_ha.node.members import Member, addresses, unique
from langflow_ha.node.strict import (
    ConfigError,
    above_zero,
    build,
    literal_addresses,
    read_json,
)

DEFAULT_PATH = Path("/etc/langflow-ha/agent.json")


@dataclass(frozen=True, slots=True)
class TieBreaker:
    """An address outside the cluster. Two members have no majority without it."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Haproxy:
    """The local balancer. What is "" is not asked."""

    live_url: str
    usable_url: str
    """200 while it reaches a live LangFlow."""
    whole_url: str
    """200 while every LangFlow gets traffic from it."""


@dataclass(frozen=True, slots=True)
class Langflow:
    """The local LangFlow."""

    ready_url: str
    unit: str
    runs_url: str
    """Where the daemon for background runs tells how many wait here; "" = there is none."""


@dataclass(frozen=True, slots=True)
class Backend:
    """What the local LangFlow depends on, by its local path. `kind` is `tcp` or `resp`."""

    name: str
    kind: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Share:
    """The directory of LangFlow's files that every node has mounted.

    The agents write to its subdirectory `health`, which is there only while it is mounted.
    """

    directory: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How a check is asked and believed. `interval`, `timeout` and `retry` in seconds.

    After the first failures the question comes again after `retry` rather than `interval`, until
    there are enough of them: doubt is settled quickly, a steady state is asked at leisure.
    `fall` definite failures, or `fall_timeout` failures of any kind, turn it down; `rise`
    successes turn it up.
    """

    interval: float
    timeout: float
    retry: float
    fall: int
    fall_timeout: int
    rise: int


@dataclass(frozen=True, slots=True)
class Paces:
    """One pace per kind of check."""

    haproxy: Pace
    usable: Pace
    peer: Pace
    langflow: Pace
    backend: Pace
    share: Pace
    burden: Pace


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of time, in seconds."""

    tick: float
    """The longest time between two decisions; an observation that arrives brings one forward."""
    stall: float
    """A gap between two decisions above this means that the machine slept: forget everything."""
    peer_view_age: float
    """A peer whose own last decision is older than this is reachable but has no opinion."""
    restart_grace: float
    """How long a restarted agent keeps its predecessor's weight while it looks for itself."""
    dual_owner_grace: float
    """Two owners of the VIP for longer than this is not a hand-over: the older one yields."""
    yield_hold: float
    """How long one that has yielded stays out while another holds the VIP."""
    release_grace: float
    """A VIP that is held for longer than this in spite of a fault: Keepalived is frozen."""
    blind_grace: float
    """A balancer that has reached no LangFlow for longer than this, while a peer's does, is unfit."""


@dataclass(frozen=True, slots=True)
class HealingRules:
    """When the agent may ask for a restart of LangFlow; seconds."""

    hung_after: float
    start_grace: float
    backoff: float
    tries: int
    window: float


@dataclass(frozen=True, slots=True)
class RecyclingRules:
    """When the agent restarts a LangFlow that leaks; seconds, but for the bound."""

    memory_bytes: int
    """The bound; 0 = never."""
    after: float
    claim: float
    """How long all others must have been well, and have heard of it, before it begins."""
    drain: float
    """The longest wait for work in flight before the restart is asked for."""
    restart: float
    """From then on, until it is back; after that the ordinary rules hold for it."""
    tries: int
    window: float


@dataclass(frozen=True, slots=True)
class Paths:
    """Files the agent writes or watches for."""

    weight_file: str
    maintenance_file: str
    canary_file: str
    restart_request: str
    recycle_request: str
    keepalived_request: str
    handover_file: str
    journal: str
    journal_bytes: int


@dataclass(frozen=True, slots=True)
class Report:
    """Where `langflow-ha report` looks; "" or [] = that piece is not on this node."""

    units: tuple[str, ...]
    packages: tuple[str, ...]
    certificates: tuple[str, ...]
    ca_file: str
    client_certificate: str
    client_key: str
    patroni_url: str
    etcd_url: str
    minio_url: str
    langflow_version_url: str
    haproxy_socket: str
    backup_file: str
    data_directories: tuple[str, ...]
    journals: tuple[str, ...]
    valkey_address: str
    valkey_port: int
    valkey_password_file: str


@dataclass(frozen=True, slots=True)
class Config:
    """One node's configuration."""

    node: str
    listen_address: str
    http_port: int
    agent_check_port: int
    members: tuple[Member, ...]
    vip_addresses: tuple[str, ...]
    tie_breakers: tuple[TieBreaker, ...]
    haproxy: Haproxy | None
    langflow: Langflow | None
    backends: tuple[Backend, ...]
    share: Share | None
    paces: Paces
    limits: Limits
    healing: HealingRules
    recycling: RecyclingRules
    paths: Paths
    report: Report

    @property
    def peers(self) -> tuple[Member, ...]:
        return tuple(m for m in self.members if m.name != self.node)


def load(path: Path) -> Config:
    """Read and check the file. Raises `ConfigError`, or `OSError` when it cannot be read."""
    return parse(read_json(path))


def parse(raw: object) -> Config:
    """Build a `Config` from decoded JSON, or raise `ConfigError`."""
    config: Config = build(Config, raw)
    _check_members(config)
    _check_addresses(config)
    _check_urls(config)
    _check_share(config)
    _check_numbers(config)
    return config


def _check_members(config: Config) -> None:
    names = [m.name for m in config.members]
    if config.node not in names:
        raise ConfigError("node", config.node, f"must be one of the members: {', '.join(names)}")
    unique(config.members)
    unique(config.members, "address")
    if len(names) == 2 and config.haproxy and not config.tie_breakers:
        raise ConfigError(
            "tie_breakers",
            [],
            "two members cannot tell a dead peer from a cut cable: "
            "name an address outside the cluster (the gateway, say), or add a witness",
        )
    if config.haproxy and not config.vip_addresses:
        raise ConfigError("vip_addresses", [], "a balancer must know its virtual addresses")
    backends = [b.name for b in config.backends]
    own = {"haproxy", "usable", "whole", "langflow", "share", "memory", "work"}
    reserved = own & set(backends)
    if reserved or len(set(backends)) != len(backends):
        raise ConfigError("backends", backends, "names must be unique and no check of the agent's")


def _check_addresses(config: Config) -> None:
    places = [("listen_address", config.listen_address)]
    places += addresses(config.members)
    places += [("vip_addresses", a) for a in config.vip_addresses]
    places += [("tie_breakers", t.address) for t in config.tie_breakers]
    places += [(f"backends.{b.name}.address", b.address) for b in config.backends]
    literal_addresses(places)
    for backend in config.backends:
        if backend.kind not in ("tcp", "resp"):
            raise ConfigError(f"backends.{backend.name}.kind", backend.kind, "must be tcp or resp")


def _check_urls(config: Config) -> None:
    places = []
    if config.haproxy:
        places += [("haproxy.live_url", config.haproxy.live_url)]
        places += [("haproxy.usable_url", config.haproxy.usable_url)]
        places += [("haproxy.whole_url", config.haproxy.whole_url)]
    if config.langflow:
        places += [("langflow.ready_url", config.langflow.ready_url)]
        places += [("langflow.runs_url", config.langflow.runs_url)]
    optional = {"haproxy.usable_url", "haproxy.whole_url", "langflow.runs_url"}
    for key, url in places:
        if not url and key in optional:
            continue
        parts = urlsplit(url)
        try:
            ipaddress.ip_address(parts.hostname or "")
            valid = parts.scheme == "http" and bool(parts.port) and parts.path.startswith("/")
        except ValueError:
            valid = False
        if not valid:
            raise ConfigError(
                key, url, "must look like http://ADDRESS:PORT/PATH, a literal address"
            )


def _check_share(config: Config) -> None:
    if config.share and not config.share.directory.startswith("/"):
        raise ConfigError("share.directory", config.share.directory, "must be an absolute path")


def _check_numbers(config: Config) -> None:
    ports = {"http_port": config.http_port, "agent_check_port": config.agent_check_port}
    for key, port in ports.items():
        if not 0 <= port <= 65535:
            raise ConfigError(key, port, "must be a TCP port, 1 to 65535 (0 = any, for tests)")
    above_zero("limits", config.limits)
    above_zero("healing", config.healing)
    for kind in dataclasses.fields(config.paces):
        above_zero(f"paces.{kind.name}", getattr(config.paces, kind.name))
    slowest = max(
        p.interval for p in (config.paces.haproxy, config.paces.usable, config.paces.peer)
    )
    if config.limits.stall <= slowest + config.limits.tick:
        raise ConfigError(
            "limits.stall",
            config.limits.stall,
            f"must be above {slowest + config.limits.tick} (slowest interval plus a tick)",
        )
    _check_recycling(config)


def _check_recycling(config: Config) -> None:
    rules, peer = config.recycling, config.paces.peer
    if rules.memory_bytes < 0:
        raise ConfigError("recycling.memory_bytes", rules.memory_bytes, "must be 0 (never) or more")
    above_zero("recycling", dataclasses.replace(rules, memory_bytes=1))
    # A peer counts as seen until it has failed `fall_timeout` times, and its own view has an age too. What one node
    # does is known to all before another, which saw none of it, may begin.
    blind = (peer.fall_timeout + 1) * (peer.interval + 2 * peer.timeout)
    least = 2 * (config.limits.peer_view_age + blind) + config.limits.stall
    if rules.claim < least:
        raise ConfigError(
            "recycling.claim",
            rules.claim,
            f"must be at least {least:g}, or two nodes could restart at the same moment",
        )
