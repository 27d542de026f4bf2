"""The share of traffic of a node that tries another version: a file that says how many percent of a full one.

It outlives a restart of the agent and of the machine: a canary that came back with a full share would be none.
"""

from __future__ import annotations

from pathlib import Path

from langflow_ha.node.files import write_atomically

LEAST, MOST = 1, 99
"""With 0 a canary could not stand in for the others when they fail; 100 is what every node has."""


def weight(file: Path) -> int | None:
    """Return the percentage, None for a node that is no canary. Never raises: the agent's loop looks here.

    A file that cannot be read proves a canary, but not how much it may have.
    """
    try:
        return min(max(int(file.read_text(encoding="ascii")), LEAST), MOST)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return LEAST


def put(file: Path, percent: int) -> None:
    """Make this node a canary."""
    write_atomically(file, f"{percent}\n")


def lift(file: Path) -> None:
    """Give the node its full share back."""
    file.unlink(missing_ok=True)
