"""The question before a site that people depend on is broken: its name, typed or given."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from langflow_ha.status.site import Site

ProductionOption = Annotated[
    str,
    typer.Option(
        "--yes-production",
        metavar="SITE_NAME",
        help="The site's name: run although site_environment is production, without asking.",
    ),
]


def objection(site: Site, given: str, *, terminal: bool) -> str:
    """Return why the site must not be broken, "" when it may or when a person can still be asked.

    `given` is the name from the command line. A name and not a yes: it says *which* site, so an
    inventory taken by mistake is not confirmed with the rest of a repeated command line.
    """
    if not site.production or given == site.name:
        return ""
    if given:
        return (
            f"--yes-production {given}: this site is called {site.name}; is it the right inventory?"
        )
    if terminal:
        return ""
    return (
        f"{site.name} ({site.inventory}) is a production site, drills break things on purpose, and "
        f"there is no terminal to ask at: add --yes-production {site.name}"
    )


def confirm_production(site: Site, given: str) -> None:
    """Return when the site may be broken; exits with 2 otherwise. Asks when there is a terminal."""
    refusal = objection(site, given, terminal=sys.stdin.isatty())
    if not refusal and site.production and not given:
        typer.secho(
            f"{site.name} ({site.inventory}) is a production site; drills break things on purpose.",
            fg="yellow",
            err=True,
        )
        if (
            typer.prompt("Type the site's name to go on", default="", show_default=False)
            != site.name
        ):
            refusal = "that is not the site's name; nothing has been done"
    if refusal:
        typer.secho(f"error: {refusal}", fg="red", err=True)
        raise typer.Exit(2)
