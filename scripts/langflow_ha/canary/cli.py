"""`langflow-ha canary`: is the node with another version as good as the rest?

Exit codes: 0 promote; 1 abort; 2 it could not be looked at; 3 undecided.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from langflow_ha import terminal
from langflow_ha.canary.decide import EXIT, Traffic
from langflow_ha.canary.gather import Comparison, NoCanaryError, compare
from langflow_ha.status.cli import InventoryOption, LabOption, VaultOption, site_or_exit
from langflow_ha.status.remote import RemoteError, SshRemote

app = typer.Typer(help="Compare the node with another version with the rest.")


@app.callback(invoke_without_command=True)
def canary(
    name: LabOption = "",
    inventory: InventoryOption = None,
    vault_password_file: VaultOption = None,
    node: Annotated[str, typer.Option(help="The node; default: the one that is a canary.")] = "",
    minutes: Annotated[
        float, typer.Option(min=0.1, help="How far back to look, at most to its start.")
    ] = 10.0,
    requests: Annotated[
        int, typer.Option(min=1, help="Requests to the canary, and to the rest, for a verdict.")
    ] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Read the balancers' access logs and say: promote, abort or undecided. Changes nothing."""
    site = site_or_exit(name, inventory, vault_password_file)
    try:
        found = asyncio.run(
            compare(site, SshRemote(), wanted=node, seconds=minutes * 60, requests=requests)
        )
    except (RemoteError, NoCanaryError, OSError, ValueError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    if as_json:
        typer.echo(json.dumps({**asdict(found), "lines": lines(found)}))
    else:
        terminal.console().print(table(found))
        for line in lines(found)[1:]:
            typer.echo(line)
    raise typer.Exit(EXIT[found.verdict.do])


def _row(traffic: Traffic) -> list[str]:
    share = f"{traffic.errors / traffic.requests:.2%}" if traffic.requests else "-"
    times = (traffic.quantile(q) for q in (0.5, 0.95))
    return [
        str(traffic.requests),
        f"{traffic.errors} ({share})",
        *("-" if t is None else f"{t:.0f} ms" for t in times),
    ]


def table(found: Comparison) -> Table:
    """Return the canary and the rest, side by side."""
    shown = Table(
        title=f"The last {found.seconds / 60:.1f} min, by the balancers' logs",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    shown.add_column("")
    for column in ("requests", "errors", "median", "95 % within"):
        shown.add_column(column, justify="right", no_wrap=True)
    for name, traffic in ((found.node, found.canary), ("the rest", found.rest)):
        shown.add_row(name, *_row(traffic))
    return shown


def lines(found: Comparison) -> list[str]:
    """Return the same in words: the figures, then the verdict. For where a table would be torn apart."""
    versions = ", ".join(f"{node} {version}" for node, version in found.versions.items())
    figures = "; ".join(
        "{}: {} requests, {} errors, median {}, 95 % within {}".format(name, *_row(traffic))
        for name, traffic in ((found.node, found.canary), ("the rest", found.rest))
    )
    because = "; ".join(found.verdict.because)
    return [figures, f"LangFlow: {versions}", f"verdict: {found.verdict.do}: {because}"]
