"""`langflow-ha browser`: see the cluster as a person does. Exit code 0: the flow answered; 1: it did not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from langflow_ha.browser.visit import BrowserError, visit
from langflow_ha.drill.session import SessionError, logged_in
from langflow_ha.status.cli import InventoryOption, LabOption, VaultOption, site_or_exit
from langflow_ha.status.site import Site

app = typer.Typer(help="Log in with a real browser, run a flow in the playground, take a picture.")
FLOW = "Echo"


async def _flow(site: Site) -> str:
    api = await logged_in(site)
    try:
        return await api.import_flow(FLOW, replace=True)
    finally:
        await api.close()


@app.callback(invoke_without_command=True)
def browser(
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    screenshot: Annotated[Path, typer.Option(help="Where the picture goes (PNG).")] = Path(
        "playground.png"
    ),
) -> None:
    """Log in through the VIP, open the echo flow, run it in the playground and take a screenshot."""
    site = site_or_exit(name, inventory, vault_password_file)
    try:
        flow = asyncio.run(_flow(site))
        visit(site.url, site.superuser, site.credentials["password"], flow, screenshot, typer.echo)
    except (BrowserError, SessionError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"the flow answered in the playground; picture: {screenshot}")
