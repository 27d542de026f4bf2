"""The receiver's configuration: one JSON file, read strictly, that holds the token."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from langflow_ha.node.strict import ConfigError, load

DEFAULT_PATH = Path("/etc/langflow-ha/overload.json")
SHORTEST_TOKEN = 24


@dataclass(frozen=True, slots=True)
class Config:
    """`command` adds what the inventory has new; `groups` are those that a spare joins."""

    listen_address: str
    port: int
    certificate: str
    key: str
    token: str
    cooldown_minutes: int
    spares: tuple[str, ...]
    groups: tuple[str, ...]
    inventory_file: str
    command: tuple[str, ...]
    state_directory: str


def read(path: Path) -> Config:
    """Read and check the file. Raises `ConfigError`, or `OSError` when it cannot be read."""
    config: Config = load(Config, path)
    if len(config.token) < SHORTEST_TOKEN:
        # Never the value: the message ends up in a log.
        raise ConfigError("token", "", f"is shorter than {SHORTEST_TOKEN} characters")
    if config.cooldown_minutes < 1:
        raise ConfigError("cooldown_minutes", config.cooldown_minutes, "must be 1 or more")
    for key in ("spares", "groups", "command"):
        if not getattr(config, key):
            raise ConfigError(key, [], "must not be empty")
    return config
