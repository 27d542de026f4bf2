"""`langflow-ha status`: one page about a cluster.

Exit codes: 0 it can fail over now; 1 it cannot; 2 the inventory cannot be used or no node answers.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from langflow_ha.status.gather import gather
from langflow_ha.status.model import as_data
from langflow_ha.status.remote import SshRemote
from langflow_ha.status.render import show
from langflow_ha.status.site import Site, SiteError, load_site

app = typer.Typer(help="One page about a cluster, and whether it can fail over now.")

LabOption = Annotated[
    str, typer.Option("--name", "--lab", "-n", help="Name of a lab (default: demo).")
]
InventoryOption = Annotated[
    Path | None, typer.Option("--inventory", "-i", help="Inventory directory of a real site.")
]
VaultOption = Annotated[
    Path | None, typer.Option("--vault-password-file", envvar="ANSIBLE_VAULT_PASSWORD_FILE")
]


def site_or_exit(lab: str, inventory: Path | None, vault: Path | None) -> Site:
    """Return the site that the options name; prints the reason and exits with 2 when it cannot."""
    try:
        return load_site(lab=lab, inventory=inventory, vault_password_file=vault)
    except SiteError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error


@app.callback(invoke_without_command=True)
def status(
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show the cluster. Exit code 0: can fail over now; 1: cannot; 2: nobody answers."""
    site = site_or_exit(name, inventory, vault_password_file)
    view = asyncio.run(gather(site, SshRemote()))
    if as_json:
        typer.echo(json.dumps(as_data(view), indent=2))
    else:
        show(view)
    if not any(node.reachable for node in view.nodes):
        raise typer.Exit(2)
    raise typer.Exit(0 if view.verdict.can_fail_over else 1)
