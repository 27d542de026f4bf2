"""What the balancers saw of the canary and of the rest, and how the canary is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from langflow_ha.canary.decide import Traffic, Verdict, decide, together, troubles_of
from langflow_ha.status.gather import gather
from langflow_ha.status.model import ClusterView, NodeStatus
from langflow_ha.status.remote import Remote, RemoteError
from langflow_ha.status.site import Node, Site

LOOK = Path(__file__).with_name("look.py")
AGE = "systemctl show langflow.service --property=ActiveEnterTimestampMonotonic --value; cut -d' ' -f1 /proc/uptime"
TIMEOUT_S = 120.0
"""A journal with some hundred thousand requests takes a while to read."""


class NoCanaryError(Exception):
    """There is no node to compare, or more than one; the text says which and what to do."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A canary beside the rest, over the last seconds."""

    node: str
    versions: dict[str, str]
    seconds: float
    canary: Traffic
    rest: Traffic
    verdict: Verdict


def the_canary(view: ClusterView, wanted: str) -> NodeStatus:
    """Return the node to compare: the one that is a canary, or the one that is named."""
    names = view.canaries
    if not wanted and len(names) != 1:
        raise NoCanaryError(
            f"{len(names)} nodes are canaries ({', '.join(names) or 'none'}): name one with --node, "
            "or make one with playbooks/canary.yml"
        )
    found = next((node for node in view.nodes if node.name == (wanted or names[0])), None)
    if found is None or "langflow" not in found.groups:
        raise NoCanaryError(f"--node {wanted}: this is no node with LangFlow")
    if found.error:
        raise NoCanaryError(f"{found.name} does not answer: {found.error}")
    return found


async def compare(
    site: Site, remote: Remote, *, wanted: str, seconds: float, requests: int
) -> Comparison:
    """Look at the last seconds, but not further back than the canary's LangFlow runs."""
    view = await gather(site, remote)
    node = the_canary(view, wanted)
    rest = [n for n in view.nodes if "langflow" in n.groups and n is not node and n.reachable]
    since = min(seconds, await _age(remote, site.node(node.name)))
    seen = await _traffic(site, remote, since)
    canary = seen.get(node.name, Traffic())
    others = together(seen.get(n.name, Traffic()) for n in rest)
    return Comparison(
        node.name,
        {n.name: n.versions.get("langflow", "?") for n in (node, *rest)},
        since,
        canary,
        others,
        decide(canary, others, troubles_of(node, rest), requests),
    )


async def _age(remote: Remote, node: Node) -> float:
    """Return for how long the node's LangFlow has run; 0 when it does not."""
    told = (await remote.run(node, AGE)).stdout.split()
    if len(told) != 2:
        raise RemoteError(f"{node.name}: cannot tell since when its LangFlow runs")
    began, now = float(told[0]) / 1e6, float(told[1])
    return max(0.0, now - began) if began else 0.0


async def _traffic(site: Site, remote: Remote, seconds: float) -> dict[str, Traffic]:
    """Return by node what all balancers passed to it. Who had the virtual address meanwhile does not matter so."""
    script = f"python3 - {seconds:.0f} <<'END_OF_LOOK'\n{LOOK.read_text('utf-8')}\nEND_OF_LOOK\n"
    balancers = [node for node in site.nodes if "balancer" in node.groups]
    looks = await asyncio.gather(*(remote.run(b, script, timeout=TIMEOUT_S) for b in balancers))
    for node, done in zip(balancers, looks, strict=True):
        if done.code:
            raise RemoteError(f"{node.name}: {done.stderr.strip()}")
    return _added(json.loads(done.stdout) for done in looks)


def _added(looks: Iterable[dict[str, dict[str, object]]]) -> dict[str, Traffic]:
    parts: dict[str, list[Traffic]] = {}
    for look in looks:
        for server, told in look.items():
            parts.setdefault(server, []).append(_parsed(told))
    return {server: together(of_server) for server, of_server in parts.items()}


def _parsed(told: dict[str, object]) -> Traffic:
    requests, errors, times = told["requests"], told["errors"], told["times"]
    if not isinstance(requests, int) or not isinstance(errors, int) or not isinstance(times, dict):
        raise ValueError(f"not a look at a balancer: {told}")
    return Traffic(requests, errors, {int(step): int(number) for step, number in times.items()})
