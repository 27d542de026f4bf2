"""The command line of a daemon that has no other verb than to run. Exit codes: 0 well, 2 wrong call or configuration."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from langflow_ha.node.strict import ConfigError

OK, USAGE = 0, 2

C = TypeVar("C")


def main(
    program: str,
    default: Path,
    load: Callable[[Path], C],
    prepare: Callable[[C], Callable[[], None]],
    argv: Sequence[str] | None,
) -> int:
    """Read the configuration with `load`, and run what `prepare` makes of it; returns the exit code.

    Both may raise `ConfigError` or `OSError`. With --check-config only `load` is called.
    """
    parser = argparse.ArgumentParser(
        prog=program, description="Exit codes: 0 well, 2 wrong call or configuration."
    )
    parser.add_argument("--config", type=Path, default=default)
    parser.add_argument("--check-config", action="store_true", help="read the file and exit")
    arguments = parser.parse_args(argv)
    try:
        settings = load(arguments.config)
        if arguments.check_config:
            return OK
        run = prepare(settings)
    except (ConfigError, OSError) as error:
        print(f"{program}: {error}")
        return USAGE
    run()
    return OK
