"""Member lists: from inventory host names to what roles take as input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class MemberError(ValueError):
    """A host has no address to be a cluster member with."""


def cluster_members(
    names: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Return `[{name, address}, …]` for the hosts in `names`, in that order.

    The address is the host's `cluster_address`, else its `ansible_host`. Raises
    MemberError naming the host when it has neither: falling back to the name
    would put DNS between the members of a quorum.
    """
    members = []
    for name in names:
        host = hostvars.get(name)
        if host is None:
            raise MemberError(f"host {name} is in a group but not in the inventory")
        address = host.get("cluster_address") or host.get("ansible_host")
        if not address:
            raise MemberError(
                f"host {name} has neither cluster_address nor ansible_host; "
                f"set ansible_host (its IP address) for {name} in hosts.yml"
            )
        members.append({"name": str(name), "address": str(address)})
    return members
