"""The daemon's command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from langflow_ha.node import command
from langflow_ha.node.strict import load
from langflow_ha.runs import config, daemon


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon; returns the exit code."""
    return command.main("langflow-ha-runs", config.DEFAULT_PATH, config.load, _prepare, argv)


def _prepare(settings: config.Config) -> Callable[[], None]:
    # Not part of the check of the configuration: that is made before the secrets are on the node.
    secrets = load(config.Secrets, Path(settings.secrets))
    return partial(daemon.run, settings, secrets)
