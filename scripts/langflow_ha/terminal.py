"""Where the controller's commands print to."""

from __future__ import annotations

import os

from rich.console import Console

# A pipe or a log has no width; rich would take 80 columns, and cut the tables to it.
LOG_COLUMNS = 120


def console(fewest_columns: int = 0) -> Console:
    """Return a console as wide as the terminal, a log's 120 columns, or `fewest_columns`, if that is more."""
    found = Console(highlight=False)
    if not found.is_terminal and "COLUMNS" not in os.environ:
        found.width = LOG_COLUMNS
    found.width = max(found.width, fewest_columns)
    return found
