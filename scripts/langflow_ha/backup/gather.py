"""Asks the database nodes for the target's content; all see the same, so the first answer counts."""

from __future__ import annotations

import json
from typing import Any

from langflow_ha.status.remote import Remote, RemoteError
from langflow_ha.status.site import Site

COMMAND = "langflow-ha-backup list"
TIMEOUT_S = 120.0
"""A listing over the network, of two repositories."""


class NoAnswer(Exception):  # noqa: N818 - it is an answer, not an error
    """No database node could tell; the text has each one's reason."""


async def ask(site: Site, remote: Remote) -> tuple[str, dict[str, Any]]:
    """Return the node that answered and its answer; raises NoAnswer."""
    reasons = []
    for node in site.nodes:
        if "postgresql" not in node.groups:
            continue
        try:
            done = await remote.run(node, COMMAND, timeout=TIMEOUT_S)
            if done.code == 0:
                return node.name, dict(json.loads(done.stdout))
        except (RemoteError, OSError, ValueError) as error:
            reasons.append(f"{node.name}: {error}")
            continue
        lines = (done.stderr or done.stdout).strip().splitlines()
        reason = lines[-1] if lines else f"exit code {done.code}"
        if done.code == 127:
            reason = "makes no backups; set backup_target and run site.yml"
        reasons.append(f"{node.name}: {reason}")
    raise NoAnswer("; ".join(reasons) or "the inventory has no database node")
