"""The controller's end of the watchers: one per node, restarted whenever the node comes back."""

from __future__ import annotations

import asyncio
import json
import shlex
import time
from importlib.resources import files

from langflow_ha.drill import tasks
from langflow_ha.drill.model import Sample
from langflow_ha.status.remote import Remote, RemoteError
from langflow_ha.status.site import Node, Site

OFFSET_S = 0.25
"""Clocks further apart than this are corrected; below it, the link's delay is the larger error."""


class Watchers:
    """Collects the samples of all nodes while a drill runs."""

    def __init__(self, site: Site, remote: Remote) -> None:
        self.samples: list[Sample] = []
        self._site = site
        self._remote = remote
        self._tasks: list[asyncio.Task[None]] = []
        self._seen: dict[str, float] = {}
        self._source = files("langflow_ha.drill").joinpath("node_watch.py").read_text("utf-8")

    async def start(self, timeout: float = 15.0) -> list[str]:
        """Start them and return the names of the nodes that did not answer within `timeout` seconds."""
        self._tasks = [asyncio.create_task(self._watch(node)) for node in self._site.nodes]
        limit = time.monotonic() + timeout
        names = {node.name for node in self._site.nodes}
        while names - self._seen.keys() and time.monotonic() < limit:
            await asyncio.sleep(0.1)
        return sorted(names - self._seen.keys())

    async def stop(self) -> None:
        """End them."""
        await tasks.end(self._tasks)

    async def _watch(self, node: Node) -> None:
        options = json.dumps(
            {
                "vips": self._site.vips,
                "address": node.cluster_address,
                "postgresql": "postgresql" in node.groups,
                "valkey": "valkey" in node.groups,
            }
        )
        command = f"python3 -u - {shlex.quote(options)}"
        while True:
            try:
                offset = 0.0
                async for line in self._remote.stream(node, command, self._source):
                    sample = parse(node.name, line, offset)
                    if sample is None:
                        continue
                    if sample.kind == "hello":
                        offset = correction(sample.at, time.time())
                    else:
                        self._seen[node.name] = sample.at
                        self.samples.append(sample)
            except (OSError, RemoteError):
                pass
            await asyncio.sleep(1)


def correction(node_clock: float, controller_clock: float) -> float:
    """Return what to add to the node's stamps: nothing while the clocks agree within `OFFSET_S`."""
    offset = controller_clock - node_clock
    return offset if abs(offset) > OFFSET_S else 0.0


def parse(node: str, line: str, offset: float = 0.0) -> Sample | None:
    """Return the sample of one line, None for anything else that a login may print."""
    try:
        values = json.loads(line)
        value = values["value"]
        return Sample(
            node,
            float(values["at"]) + offset,
            str(values["kind"]),
            None if value is None else bool(value),
            tuple(str(name) for name in values.get("by", ())),
        )
    except (ValueError, KeyError, TypeError):
        return None
