"""The daemon's command line. Exit codes: 0 well, 2 wrong call or configuration."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from langflow_ha.health.check import OK, USAGE
from langflow_ha.health.strict import ConfigError
from langflow_ha.page import config, daemon


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon; returns the exit code."""
    parser = argparse.ArgumentParser(prog="langflow-ha-status-page", description=__doc__)
    parser.add_argument("--config", type=Path, default=config.DEFAULT_PATH)
    parser.add_argument("--check-config", action="store_true", help="read the file and exit")
    arguments = parser.parse_args(argv)
    try:
        settings = config.load(arguments.config)
    except (ConfigError, OSError) as error:
        print(f"langflow-ha-status-page: {error}")
        return USAGE
    if not arguments.check_config:
        daemon.run(settings)
    return OK
