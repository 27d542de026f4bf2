"""The command `langflow-ha`: registers the sub-commands, does nothing itself.

A sub-command's module is imported when the sub-command is named, so that `langflow-ha lab info` does not
pay for what the drills import.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

SUBCOMMANDS = {
    "lab": "langflow_ha.lab.cli",
    "bundle": "langflow_ha.bundle.cli",
    "secrets": "langflow_ha.secrets.cli",
    "status": "langflow_ha.status.cli",
    "backup": "langflow_ha.backup.cli",
    "drill": "langflow_ha.drill.cli",
    "demo": "langflow_ha.demo.cli",
    "canary": "langflow_ha.canary.cli",
    "cost": "langflow_ha.cost.cli",
    "compare": "langflow_ha.compare.cli",
    "overload": "langflow_ha.overload.cli",
    "browser": "langflow_ha.browser.cli",
    "reference": "langflow_ha.reference.cli",
}
"""Name of the sub-command -> module that has its Typer application as `app`."""


class LazyGroup(TyperGroup):
    """A command group that imports a member only when it is used or listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the table."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the sub-command, or None when there is none of that name."""
        if cmd_name not in SUBCOMMANDS:
            return None
        command = get_command(import_module(SUBCOMMANDS[cmd_name]).app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyGroup,
    help="LangFlow in high availability: lab, artefacts, secrets, status and drills.",
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _root() -> None:
    """LangFlow in high availability: lab, artefacts, secrets, status and drills."""


def main() -> None:
    """Entry point of the console script."""
    app()
