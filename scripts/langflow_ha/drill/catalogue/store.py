"""S: the object store."""

from __future__ import annotations

from langflow_ha.drill.catalogue.classes import ALL
from langflow_ha.drill.model import Budget, BudgetKind, Drill

DRILLS: tuple[Drill, ...] = (
    Drill(
        "store-kill",
        "One MinIO killed and kept down",
        "minio_lost",
        "store",
        Budget(BudgetKind.FAILED, 0, ("upload",)),
        3,
        ALL,
        row="S1",
        hold_s=15,
    ),
    Drill(
        "store-power",
        "The host of one MinIO loses power",
        "power",
        "store",
        Budget(BudgetKind.GAP, 10.0, ("upload",)),
        3,
        ALL,
        row="S1",
        hold_max_s=60,
    ),
    Drill(
        "store-drive",
        "One MinIO drive replaced by an empty one",
        "drive_emptied",
        "store",
        Budget(BudgetKind.FAILED, 0, ("upload", "large")),
        3,
        (*ALL, "large"),
        hold_s=15,
        handover_s=0,
    ),
    Drill(
        "bit-rot",
        "One byte wrong on one drive, in a file that is being read",
        "bit_rot",
        "store",
        Budget(BudgetKind.FAILED, 0, ("upload", "large")),
        3,
        (*ALL, "large"),
        row="S3",
        hold_s=15,
        handover_s=0,
    ),
)
