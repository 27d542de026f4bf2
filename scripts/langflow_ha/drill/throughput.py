"""Requests per second through the VIP against straight at one LangFlow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

from rich.table import Table

from langflow_ha.drill.measure import quantile
from langflow_ha.drill.session import logged_in
from langflow_ha.status.remote import Remote, SshRemote
from langflow_ha.status.site import Site

PORT = 7860
WAYS = {"vip": "VIP + TLS + HAProxy", "direct": "straight at one LangFlow"}


class ThroughputError(Exception):
    """The measurement did not take place; the text has what the node said."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """One way at one concurrency."""

    way: str
    concurrency: int
    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


async def compare(
    site: Site, count: int, concurrency: int, remote: Remote | None = None
) -> list[Throughput]:
    """Measure one client (latency) and `concurrency` clients (rate), each way, taking turns."""
    api = await logged_in(site)
    node = next(node for node in site.nodes if "langflow" in node.groups)
    source = files("langflow_ha.drill").joinpath("node_throughput.py").read_text("utf-8")
    results = []
    try:
        for clients in dict.fromkeys((1, concurrency)):
            options = {
                "urls": {"vip": site.url, "direct": f"http://{node.cluster_address}:{PORT}"},
                "flow": api.echo_id,
                "key": api.key,
                "count": count,
                "concurrency": clients,
            }
            # The key travels on standard input, never in an argument.
            program = f"{source}\nmain({json.dumps(options)!r})\n"
            output = [
                line async for line in (remote or SshRemote()).stream(node, "python3 -u -", program)
            ]
            results += parse(output, clients)
    finally:
        await api.close()
    return results


def parse(output: list[str], clients: int) -> list[Throughput]:
    """Return the figures of the node's last line; raises ThroughputError when there is none."""
    try:
        totals = json.loads(output[-1])
    except (IndexError, ValueError):
        raise ThroughputError(f"no figures from the node: {''.join(output)[-300:]}") from None
    return [
        Throughput(
            way,
            clients,
            len(total["latencies"]) / total["seconds"] if total["seconds"] else 0.0,
            1000 * quantile(total["latencies"], 0.5),
            1000 * quantile(total["latencies"], 0.99),
            total["failed"],
        )
        for way, total in totals.items()
    ]


def table(results: list[Throughput]) -> Table:
    """Return the table for the terminal."""
    shown = Table(title="Echo flow runs", title_justify="left", pad_edge=False)
    shown.add_column("way")
    for name in ("clients", "runs/s", "p50 ms", "p99 ms", "failed"):
        shown.add_column(name, justify="right")
    for r in results:
        figures = (
            r.concurrency,
            f"{r.per_second:.1f}",
            f"{r.p50_ms:.0f}",
            f"{r.p99_ms:.0f}",
            r.failed,
        )
        shown.add_row(WAYS.get(r.way, r.way), *map(str, figures))
    return shown
