"""`langflow-ha backup`: what the backup target holds.

Exit codes: 0 the newest backup of each kind is young enough and nothing is wrong; 1 something is; 2 nobody
answers, or the site makes no backups.
"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from langflow_ha import terminal
from langflow_ha.backup.gather import NoAnswer, ask
from langflow_ha.backup.render import page, wrong
from langflow_ha.status.cli import InventoryOption, LabOption, VaultOption, site_or_exit
from langflow_ha.status.remote import SshRemote

FEWEST_COLUMNS = 120

app = typer.Typer(help="What the backup target holds.", no_args_is_help=True)


@app.callback()
def _root() -> None:
    """What the backup target holds."""


@app.command("list")
def list_(
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List all backups. Exit code 0: all is well; 1: one is missing, too old or damaged; 2: nobody answers."""
    site = site_or_exit(name, inventory, vault_password_file)
    try:
        node, told = asyncio.run(ask(site, SshRemote()))
    except NoAnswer as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps({"node": node, **told}, indent=2))
    else:
        # A narrower terminal wraps: half a label is no use.
        terminal.console(FEWEST_COLUMNS).print(page(told, node))
    raise typer.Exit(1 if wrong(told) else 0)
