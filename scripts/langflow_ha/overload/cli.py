"""`langflow-ha overload`: the receiver, and a message by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from langflow_ha.node.command import USAGE
from langflow_ha.node.strict import ConfigError
from langflow_ha.overload.config import DEFAULT_PATH, Config, read
from langflow_ha.overload.receiver import Hook
from langflow_ha.overload.receiver import serve as listen

app = typer.Typer(
    help="Add a prepared spare node when Alertmanager reports an overload.", no_args_is_help=True
)
File = Annotated[
    Path, typer.Option("--config", help="Configuration, written by playbooks/overload.yml.")
]


def _config(file: Path) -> Config:
    try:
        return read(file)
    except (ConfigError, OSError) as error:
        typer.echo(f"langflow-ha overload: {error}", err=True)
        raise typer.Exit(USAGE) from None


@app.command()
def check(file: File = DEFAULT_PATH) -> None:
    """Read the configuration and exit: 0 well, 2 wrong."""
    _config(file)


@app.command()
def serve(file: File = DEFAULT_PATH) -> None:
    """Receive messages until it is stopped (systemd does this)."""
    config = _config(file)
    listen(config, Hook(config)).serve_forever()
