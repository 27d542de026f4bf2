"""`langflow-ha cost`: what the kit's daemons take of each node's processor and memory.

Exit codes: 0 watching is within its bounds on every node; 1 it is not; 2 a node did not answer, or the inventory cannot be used.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from langflow_ha import terminal
from langflow_ha.cost.decide import Cost, Look, costs, parsed, watching
from langflow_ha.status.cli import InventoryOption, LabOption, VaultOption, site_or_exit
from langflow_ha.status.remote import Remote, RemoteError, SshRemote
from langflow_ha.status.site import Node, Site

app = typer.Typer(help="What the kit's daemons cost each node.")
LOOK = Path(__file__).with_name("look.py")


@app.callback(invoke_without_command=True)
def cost(
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    seconds: Annotated[
        float,
        typer.Option(min=1, help="How long to look; 240 is twice around of all that is asked."),
    ] = 240.0,
    most_core: Annotated[
        float, typer.Option(min=0, help="Percent of one core that watching may take.")
    ] = 5.0,
    most_megabytes: Annotated[
        float, typer.Option(min=0, help="MiB that watching may take.")
    ] = 300.0,
) -> None:
    """Look at every node twice and show what was taken in between. Changes nothing."""
    site = site_or_exit(name, inventory, vault_password_file)
    console = terminal.console()
    try:
        found = asyncio.run(measured(site, SshRemote(), seconds))
    except (RemoteError, ValueError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    console.print(table(found, seconds))
    dear = []
    for node, of_node in found.items():
        core, megabytes = watching(of_node)
        console.print(f"{node}: watching takes {core:.1%} of a core and {megabytes:.0f} MiB")
        if core * 100 > most_core or megabytes > most_megabytes:
            dear.append(node)
    if dear:
        console.print(
            f"[bold red]over[/] {most_core:g} % or {most_megabytes:g} MiB: {', '.join(dear)}"
        )
    raise typer.Exit(1 if dear else 0)


async def measured(site: Site, remote: Remote, seconds: float) -> dict[str, list[Cost]]:
    """Look, wait, look again. Raises RemoteError when a node does not answer, ValueError for an answer that is none."""
    before = await _looks(site, remote)
    await asyncio.sleep(seconds)
    after = await _looks(site, remote)
    return {node: costs(node, before[node], after[node]) for node in before}


async def _looks(site: Site, remote: Remote) -> dict[str, Look]:
    script = f"python3 - <<'END_OF_LOOK'\n{LOOK.read_text('utf-8')}\nEND_OF_LOOK\n"

    async def one(node: Node) -> Look:
        done = await remote.run(node, script)
        if done.code:
            raise RemoteError(f"{node.name}: {done.stderr.strip()}")
        return parsed(done.stdout)

    found = await asyncio.gather(*(one(node) for node in site.nodes))
    return {node.name: look for node, look in zip(site.nodes, found, strict=True)}


def table(found: dict[str, list[Cost]], seconds: float) -> Table:
    """Return one row for each unit: the node where it takes most of a core, and most memory."""
    shown = Table(
        title=f"Over {seconds:g} s, on the node where it is most",
        title_justify="left",
        pad_edge=False,
    )
    shown.add_column("kind")
    shown.add_column("unit", no_wrap=True)
    for column in ("core", "MiB"):
        shown.add_column(column, justify="right")
    units: dict[tuple[str, str], list[Cost]] = {}
    for of_node in found.values():
        for one in of_node:
            units.setdefault((one.kind, one.unit), []).append(one)
    for (kind, unit), all_nodes in units.items():
        core, megabytes = max(c.core for c in all_nodes), max(c.megabytes for c in all_nodes)
        shown.add_row(kind, unit, f"{core:.2%}", f"{megabytes:.1f}")
    return shown
