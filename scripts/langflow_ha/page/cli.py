"""The daemon's command line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from langflow_ha.node import command
from langflow_ha.page import config, daemon


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon; returns the exit code."""
    return command.main(
        "langflow-ha-status-page",
        config.DEFAULT_PATH,
        config.load,
        lambda settings: partial(daemon.run, settings),
        argv,
    )
