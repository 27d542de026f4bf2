"""The drills as data, one module per section of the table in `docs/drills.md`.

Adding one is adding a row (and a fault in `faults/` if it is new). Budgets are the kit's own; rows
are those of that table.
"""

from __future__ import annotations

from langflow_ha.drill.catalogue import (
    database,
    edge,
    kernel,
    langflow,
    queue,
    safety,
    site,
    store,
)
from langflow_ha.drill.catalogue.classes import ALL, QUEUE, WIDE
from langflow_ha.drill.model import Drill

__all__ = ["ALL", "CATALOGUE", "PROFILES", "QUEUE", "WIDE", "chosen"]

PROFILES = ("short", "full", "kernel")
"""`kernel`: drills that most labs would have to skip, as their nodes share a kernel."""

CATALOGUE: tuple[Drill, ...] = tuple(
    drill
    for section in (site, edge, langflow, database, safety, queue, store, kernel)
    for drill in section.DRILLS
)
"""In the order in which they run: the control run first, then the edge."""


def chosen(ids: list[str], profile: str) -> tuple[Drill, ...]:
    """Return the drills with these ids, or those of a profile; `full` includes `short`, `kernel` stands alone.

    Raises KeyError with the unknown id.
    """
    known = {drill.id: drill for drill in CATALOGUE}
    if ids:
        return tuple(known[id_] for id_ in ids)
    wanted = ("short", "full") if profile == "full" else (profile,)
    return tuple(drill for drill in CATALOGUE if drill.profile in wanted)
