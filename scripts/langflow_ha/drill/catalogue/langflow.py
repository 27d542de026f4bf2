"""A: LangFlow's own processes and hosts."""

from __future__ import annotations

from langflow_ha.drill.catalogue.classes import ALL, WIDE
from langflow_ha.drill.measure import IDEMPOTENT
from langflow_ha.drill.model import Budget, BudgetKind, Drill

DRILLS: tuple[Drill, ...] = (
    Drill(
        "langflow-kill",
        "One LangFlow killed",
        "langflow_killed",
        "langflow",
        Budget(BudgetKind.FAILED, 0, IDEMPOTENT),
        10,
        WIDE,
        row="A1",
    ),
    Drill(
        "langflow-freeze",
        "One LangFlow frozen",
        "langflow_frozen",
        "langflow",
        Budget(BudgetKind.EXPOSURE, 3.0, IDEMPOTENT),
        10,
        ALL,
        row="A2",
        hold_s=15,
    ),
    Drill(
        "langflow-db",
        "One LangFlow's way to the database cut",
        "database_cut",
        "langflow",
        Budget(BudgetKind.EXPOSURE, 4.0, IDEMPOTENT),
        10,
        ALL,
        row="A4",
        hold_s=15,
    ),
    Drill(
        "langflow-power",
        "The host of one LangFlow loses power",
        "power",
        "langflow",
        Budget(BudgetKind.EXPOSURE, 4.0, IDEMPOTENT),
        3,
        WIDE,
        row="A3",
        hold_s=15,
        hold_max_s=60,
    ),
    Drill(
        "langflow-restart",
        "One LangFlow drained, restarted and put back",
        "langflow_restarted",
        "langflow",
        Budget(BudgetKind.FAILED, 0, WIDE),
        3,
        WIDE,
        row="A5",
        hold_s=5,
        hold_max_s=60,
        handover_s=0,
    ),
    Drill(
        "langflow-last",
        "All LangFlows but one killed and kept down",
        "langflow_lost",
        "all_langflows_but_one",
        Budget(BudgetKind.EXPOSURE, 4.0, IDEMPOTENT),
        3,
        ALL,
        row="A7",
        hold_s=15,
        hold_max_s=60,
    ),
)
