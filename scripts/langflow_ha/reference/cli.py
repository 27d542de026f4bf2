"""`langflow-ha reference`: write docs/reference.md, or tell whether it is up to date."""

from __future__ import annotations

import typer

from langflow_ha.preflight.specs import ROOT, load_specs
from langflow_ha.reference.render import reference

FILE = ROOT / "docs" / "reference.md"

app = typer.Typer(help="The reference of all variables.", no_args_is_help=True)


@app.command()
def write() -> None:
    """Write docs/reference.md from the argument specs of the roles."""
    text = reference(load_specs())
    if FILE.exists() and FILE.read_text("utf-8") == text:
        typer.echo("docs/reference.md is up to date")
        return
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text, "utf-8")
    typer.echo("wrote docs/reference.md")


@app.command()
def check() -> None:
    """Exit with 1 when docs/reference.md is not what the argument specs say."""
    if not FILE.exists() or FILE.read_text("utf-8") != reference(load_specs()):
        typer.secho("docs/reference.md is stale; run: langflow-ha reference write", err=True)
        raise typer.Exit(1)
