"""Traces of a fault that is active on a node."""

from __future__ import annotations

import contextlib

from langflow_ha.drill.faults import active_script
from langflow_ha.status.remote import Remote, RemoteError
from langflow_ha.status.site import Site


async def active_faults(site: Site, remote: Remote) -> list[str]:
    """Return a line for every trace on any node, each with the node's name; silent nodes have none."""
    found = []
    for node in site.nodes:
        with contextlib.suppress(RemoteError):
            done = await remote.run(node, active_script())
            found += [f"{node.name}: {line}" for line in done.stdout.splitlines() if line]
    return found
