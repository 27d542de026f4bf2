"""The daemon's configuration: one JSON file, read strictly, and its secret in another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from langflow_ha.node.strict import ConfigError, above_zero, build, literal_addresses, read_json

DEFAULT_PATH = Path("/etc/langflow-ha/exporter.json")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a look at the database may cost, and what is made of it. Times in seconds."""

    interval: float
    """From one look to the next, at least."""
    share: float
    """Most of the time, 0 to 1, that looks may take: one that took long puts the next one off."""
    timeout: float
    """For one statement; the server ends it then."""
    overlap: float
    """A run that ended this long before the last look may still appear: it is written after its end, by another clock."""
    window: float
    """What throughput and error rate are taken over."""
    runs: int
    """Most runs that one look reads; the next look reads on from there."""
    flows: int
    """Most flows with metrics of their own; the runs of others are counted together."""


@dataclass(frozen=True, slots=True)
class Config:
    """One node's configuration."""

    listen_addresses: tuple[str, ...]
    http_port: int
    secrets: str
    """File with the database's URL."""
    limits: Limits


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the daemon needs to read the database."""

    database: str
    """libpq URL of LangFlow's database."""


def load(path: Path) -> Config:
    """Read and check the file. Raises `ConfigError`, or `OSError` when it cannot be read."""
    return parse(read_json(path))


def parse(raw: object) -> Config:
    """Build a `Config` from decoded JSON, or raise `ConfigError`."""
    config: Config = build(Config, raw)
    if not config.listen_addresses:
        raise ConfigError("listen_addresses", [], "must have at least one address")
    literal_addresses([("listen_addresses", address) for address in config.listen_addresses])
    above_zero("limits", config.limits)
    if config.limits.share > 1:
        raise ConfigError("limits.share", config.limits.share, "must be at most 1 (all the time)")
    if config.limits.window < config.limits.interval:
        raise ConfigError("limits.window", config.limits.window, "must not be below interval")
    return config
