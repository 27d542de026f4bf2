"""A command under the drills' client load, judged as a drill is: an upgrade, a switchover, any planned work.

The command stands in the place of the fault, and its end in the place of the undo. All else is the engine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import shlex
from collections.abc import Sequence
from dataclasses import replace

from langflow_ha.drill.backlog import Backlog
from langflow_ha.drill.catalogue.classes import ALL
from langflow_ha.drill.engine import Engine
from langflow_ha.drill.judge import Evidence
from langflow_ha.drill.load import Clients
from langflow_ha.drill.model import Budget, BudgetKind, Check, Drill

STOP_S = 30.0
"""How long an interrupted command may take to end by itself."""


def drill(command: Sequence[str], outage_s: float | None) -> Drill:
    """Return what is judged: no failed request; or, where an outage is allowed, no gap longer than `outage_s`."""
    budget = (
        Budget(BudgetKind.FAILED, 0, ALL)
        if outage_s is None
        else Budget(BudgetKind.GAP, outage_s, ALL)
    )
    return Drill(
        id="during",
        title=shlex.join(command),
        fault="none",
        target="nobody",
        budget=budget,
        repetitions=1,
        classes=ALL,
        # What is left of the gap behind the command's end counts too.
        hold_drawn=True,
        # Planned work may move the virtual IP, at a moment that nobody here knows.
        handover_s=math.inf,
    )


class During(Engine):
    """An engine whose fault is a command on this machine."""

    def __init__(self, engine: Engine, command: Sequence[str]) -> None:
        super().__init__(
            engine.site, engine.remote, engine.view, engine.make_load, engine.say, engine.seed
        )
        self.command = tuple(command)
        self.code: int | None = None

    async def _hold(self, drill: Drill, load: Clients, fault_at: float, backlog: Backlog) -> None:
        process = await asyncio.create_subprocess_exec(*self.command)
        try:
            self.code = await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), STOP_S)

    async def _verify(self, evidence: Evidence, load: Clients, *, integrity: bool) -> Evidence:
        found = await super()._verify(evidence, load, integrity=integrity)
        ended = Check("the command succeeded", self.code == 0, f"exit code {self.code}")
        return replace(found, extra_checks=(*found.extra_checks, ended))
