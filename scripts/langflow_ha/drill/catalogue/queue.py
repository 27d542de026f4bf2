"""R: Valkey and its Sentinels."""

from __future__ import annotations

from langflow_ha.drill.catalogue.classes import QUEUE
from langflow_ha.drill.model import Budget, BudgetKind, Drill

DRILLS: tuple[Drill, ...] = (
    Drill(
        "valkey-kill",
        "Valkey master killed",
        "valkey_killed",
        "valkey_master",
        Budget(BudgetKind.GAP, 6.0, ("build",)),
        3,
        QUEUE,
        row="R1",
    ),
    Drill(
        "valkey-power",
        "The Valkey master's host loses power",
        "power",
        "valkey_master_alone",
        Budget(BudgetKind.GAP, 6.0, ("build",)),
        3,
        QUEUE,
        row="R1",
        hold_max_s=60,
    ),
    Drill(
        "valkey-freeze",
        "Valkey master frozen",
        "valkey_frozen",
        "valkey_master",
        Budget(BudgetKind.GAP, 10.0, ("build",)),
        3,
        (*QUEUE, "login"),
        row="R1",
        hold_s=15,
        wait_s=8,
        no_restart=True,
    ),
    Drill(
        "valkey-cut-off",
        "Valkey master cut off from its replicas and the Sentinels",
        "valkey_cut",
        "valkey_master",
        Budget(BudgetKind.GAP, 10.0, ("build",)),
        3,
        QUEUE,
        row="R2",
        hold_s=15,
        no_restart=True,
    ),
    Drill(
        "valkey-all",
        "All Valkeys down",
        "valkey_lost",
        "valkeys",
        Budget(BudgetKind.FAILED, 0, ("ui", "api", "write", "run")),
        3,
        ("ui", "api", "write", "run", "build"),
        row="R4",
        hold_s=10,
        hold_max_s=10,
        clean=("build",),
        no_restart=True,
    ),
)
