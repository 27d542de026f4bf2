"""`langflow-ha reference`: write the generated pages of the handbook, or tell whether they are up to date."""

from __future__ import annotations

from pathlib import Path

import typer
import yaml

from langflow_ha.preflight.specs import ROOT, load_specs
from langflow_ha.reference.ports import ports
from langflow_ha.reference.render import reference

FILE = ROOT / "docs" / "reference.md"
PORTS_FILE = ROOT / "docs" / "ports.md"
WIRING = ROOT / "playbooks" / "group_vars" / "all" / "wiring.yml"

app = typer.Typer(
    help="The generated pages: every variable, every open port.", no_args_is_help=True
)


def pages() -> dict[Path, str]:
    """Return what the generated pages should say."""
    rules = yaml.safe_load(WIRING.read_text("utf-8"))["__firewall_map"]
    return {FILE: reference(load_specs()), PORTS_FILE: ports(rules)}


def _is(file: Path, text: str) -> bool:
    return file.exists() and file.read_text("utf-8") == text


@app.command()
def write() -> None:
    """Write docs/reference.md from the roles' argument specs, and docs/ports.md from the packet filter's map."""
    for file, text in pages().items():
        name = file.relative_to(ROOT)
        if _is(file, text):
            typer.echo(f"{name} is up to date")
            continue
        file.write_text(text, "utf-8")
        typer.echo(f"wrote {name}")


@app.command()
def check() -> None:
    """Exit with 1 when one of them is not what its sources say."""
    stale = [str(file.relative_to(ROOT)) for file, text in pages().items() if not _is(file, text)]
    if stale:
        typer.secho(f"{', '.join(stale)}: stale; run: langflow-ha reference write", err=True)
        raise typer.Exit(1)
