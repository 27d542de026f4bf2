"""The control run, and what concerns the whole site (N, O and several rows at once)."""

from __future__ import annotations

from langflow_ha.drill.catalogue.classes import ALL, WIDE
from langflow_ha.drill.model import Budget, BudgetKind, Drill

DRILLS: tuple[Drill, ...] = (
    Drill(
        "none",
        "Control run: nothing is broken",
        "none",
        "nobody",
        Budget(BudgetKind.FAILED, 0, (*WIDE, "login")),
        3,
        (*WIDE, "login"),
        hold_s=10,
        handover_s=0,
    ),
    Drill(
        "rack-split",
        "The node with VIP and primary cut off from the others",
        "cut_off",
        "vip_holder",
        Budget(BudgetKind.GAP, 10.0, ("write",)),
        3,
        WIDE,
        row="N1",
        hold_s=30,
        hold_max_s=90,
        prepare="primary_here",
    ),
    Drill(
        "node-power",
        "The node with VIP, primary and Valkey master loses power",
        "power",
        "vip_holder",
        Budget(BudgetKind.GAP, 10.0, ("write", "build")),
        3,
        (*ALL, "build", "update", "background"),
        row="L2 D3 R1",
        hold_max_s=90,
        prepare="primary_and_master_here",
    ),
    Drill(
        "power-cycle",
        "All nodes off, and on again in any order",
        "power",
        "everybody",
        Budget(BudgetKind.RECOVERY, 600.0),
        3,
        ALL,
        row="O3",
        profile="full",
        hold_s=5,
        hold_max_s=5,
        steady_s=900,
        handover_s=900,
    ),
)
