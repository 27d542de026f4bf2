"""The daemon's command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from langflow_ha.node import command
from langflow_ha.ship import config, daemon


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon; returns the exit code."""
    return command.main("langflow-ha-ship", config.DEFAULT_PATH, config.load, _prepare, argv)


def _prepare(settings: config.Config) -> Callable[[], None]:
    return partial(daemon.run, settings)
