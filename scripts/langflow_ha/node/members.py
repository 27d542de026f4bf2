"""The nodes of a cluster, as every daemon's configuration names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langflow_ha.node.strict import ConfigError


@dataclass(frozen=True, slots=True)
class Member:
    """A node that runs a health agent; the majority is counted over these."""

    name: str
    address: str


def majority(members: Sequence[Member]) -> int:
    """Return how many members are more than half of all there are."""
    return len(members) // 2 + 1


def unique(members: Sequence[Member], what: str = "name") -> None:
    """Refuse members of which two have the same `what`: name or address."""
    values = [getattr(member, what) for member in members]
    if len(set(values)) != len(values):
        raise ConfigError("members", values, f"every {what} must be unique")


def addresses(members: Sequence[Member]) -> list[tuple[str, str]]:
    """Return key and value of each address, for `literal_addresses`."""
    return [(f"members.{member.name}.address", member.address) for member in members]
