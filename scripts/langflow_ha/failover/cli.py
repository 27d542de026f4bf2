"""The daemon's command line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from langflow_ha.failover import config, daemon
from langflow_ha.node import command


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon; returns the exit code."""
    return command.main(
        "langflow-ha-failover",
        config.DEFAULT_PATH,
        config.load,
        lambda settings: partial(daemon.run, settings),
        argv,
    )
