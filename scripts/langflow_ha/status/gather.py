"""Asks every node of a site at once and puts the cluster together."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from langflow_ha.status.model import ClusterView
from langflow_ha.status.remote import Remote, RemoteError
from langflow_ha.status.report import cluster_view
from langflow_ha.status.site import Node, Site

REPORT = "langflow-ha report --json"
TIMEOUT_S = 15.0


async def ask(remote: Remote, node: Node) -> dict[str, Any] | str:
    """Return a node's report, or why there is none."""
    try:
        done = await remote.run(node, REPORT, timeout=TIMEOUT_S)
    except (RemoteError, OSError) as error:
        return str(error)
    if done.code:
        lines = (done.stderr or done.stdout).strip().splitlines()
        return lines[-1] if lines else f"exit code {done.code}"
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return "the report is no JSON"
    return report if isinstance(report, dict) else "the report is no JSON object"


async def gather(site: Site, remote: Remote) -> ClusterView:
    """Return the view of the whole cluster; takes as long as the slowest node, at most `TIMEOUT_S`."""
    told = await asyncio.gather(*(ask(remote, node) for node in site.nodes))
    groups = {node.name: node.groups for node in site.nodes}
    answers = dict(zip(groups, told, strict=True))
    return cluster_view(site.name, site.vips, groups, answers, time.time())
