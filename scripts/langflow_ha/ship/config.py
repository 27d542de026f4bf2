"""The daemon's configuration: one JSON file, read strictly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from langflow_ha.node.strict import ConfigError, above_zero, build, literal_addresses, read_json

DEFAULT_PATH = Path("/etc/langflow-ha/ship.json")


@dataclass(frozen=True, slots=True)
class Store:
    """A log store. Each gets everything, whatever becomes of the others."""

    name: str
    url: str
    """https://ADDRESS:PORT"""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM: whom to trust, and as whom to write."""

    authority: str
    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds."""

    batch_lines: int
    batch_bytes: int
    """A batch is sent when it has as much as this, or after `gather`."""
    gather: float
    settle: float
    """After this a store that still lives has on its disk what it acknowledged. VictoriaLogs needs 10 s, 15 s at worst: deadlines of
    5 s, looked for every 5 s, and once more when a merge is under way (lib/logstorage/datadb.go)."""
    timeout: float
    """For each step of a delivery: connecting, sending, the answer."""
    longest_pause: float
    """Between two tries; the first pause is a second, each next one twice as long."""
    message_bytes: int
    """What is longer is cut, after it was masked."""
    first_hours: float
    """How much of the past a store gets that knows nothing of this node."""


@dataclass(frozen=True, slots=True)
class Config:
    """One node's configuration."""

    node_name: str
    listen_addresses: tuple[str, ...]
    http_port: int
    state_directory: str
    """Where the place in the journal is kept that each store has come to."""
    stores: tuple[Store, ...]
    tls: Tls
    mask_mail: bool
    limits: Limits


def load(path: Path) -> Config:
    """Read and check the file. Raises `ConfigError`, or `OSError` when it cannot be read."""
    return parse(read_json(path))


def parse(raw: object) -> Config:
    """Build a `Config` from decoded JSON, or raise `ConfigError`."""
    config: Config = build(Config, raw)
    for key, value in (
        ("listen_addresses", config.listen_addresses),
        ("stores", config.stores),
    ):
        if not value:
            raise ConfigError(key, [], "must have at least one entry")
    names = [store.name for store in config.stores]
    if len(set(names)) < len(names) or not all(name and "/" not in name for name in names):
        raise ConfigError("stores", names, "every name must be unique, and fit for a file")
    literal_addresses([("listen_addresses", address) for address in config.listen_addresses])
    for store in config.stores:
        parts = urlsplit(store.url)
        if parts.scheme != "https" or parts.port is None or parts.path:
            raise ConfigError(
                f"stores.{store.name}.url", store.url, "write it like https://ADDRESS:PORT"
            )
        literal_addresses([(f"stores.{store.name}.url", parts.hostname or "")])
    above_zero("limits", config.limits)
    return config
