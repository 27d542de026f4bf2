"""What needs a kernel of the node's own (D7 with a watchdog, D13, D14, N2): skipped where nodes share one."""

from __future__ import annotations

from langflow_ha.drill.catalogue.classes import ALL
from langflow_ha.drill.model import Budget, BudgetKind, Drill

ONE_MOVE = Budget(BudgetKind.MOVES, 1)


def _clock(id_: str, title: str, fault: str) -> Drill:
    return Drill(
        id_,
        title,
        fault,
        "primary",
        ONE_MOVE,
        3,
        ALL,
        row="D13",
        profile="kernel",
        hold_s=40,
        hold_max_s=60,
        # Putting a clock right is a step too, the other way; ttl and a fence's time tell what it did.
        watch_s=40,
        prepare="own_clock",
    )


DRILLS: tuple[Drill, ...] = (
    _clock("clock-ahead", "The primary's clock set 60 s ahead, and right again", "clock_ahead"),
    _clock("clock-behind", "The primary's clock set 60 s back, and right again", "clock_behind"),
    Drill(
        "etcd-slow",
        "200 ms delay and 5 % loss between the primary and etcd",
        "etcd_slow",
        "primary",
        ONE_MOVE,
        3,
        ALL,
        row="D14",
        profile="kernel",
        hold_s=60,
        hold_max_s=90,
        prepare="netem",
    ),
    Drill(
        "links-poor",
        "100 ms delay and 10 % loss between all nodes",
        "links_poor",
        "everybody",
        ONE_MOVE,
        3,
        ALL,
        row="N2",
        profile="kernel",
        hold_s=300,
        hold_max_s=330,
        prepare="netem",
    ),
    Drill(
        "watchdog",
        "The primary's Patroni frozen on a host with a watchdog",
        "patroni_frozen",
        "primary",
        ONE_MOVE,
        3,
        ALL,
        row="D7",
        profile="kernel",
        # Longer than ttl and a boot: the reset mends the fault, and the undo meets a host that is back.
        hold_s=120,
        hold_max_s=180,
        steady_s=600,
        handover_s=120,
        prepare="watchdog",
    ),
)
