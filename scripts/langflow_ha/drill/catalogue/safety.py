"""What the safety of the fast failover rests on: the primary's host goes away and comes back at any moment.

The timing varies from one repetition to the next. Each is judged by the databases that would
*acknowledge* a write: for some seconds two may be open (docs/fast-failover.md), as long as one of
them acknowledges nothing.
"""

from __future__ import annotations

from langflow_ha.drill.catalogue.classes import ALL
from langflow_ha.drill.model import Budget, BudgetKind, Drill


def _host_frozen(seconds: int, shortest: float, longest: float, repetitions: int) -> Drill:
    """The host stands still as a virtual machine does, and goes on about `seconds` later."""
    return Drill(
        f"host-freeze-{seconds}",
        f"The primary's host frozen for about {seconds} s",
        "host_frozen",
        "primary",
        Budget(BudgetKind.GAP, 25.0, ("write",)),
        repetitions,
        (*ALL, "update"),
        row="D7",
        profile="full",
        hold_s=shortest,
        hold_max_s=longest,
        hold_drawn=True,
        return_s=3,
        may_linger=True,
    )


def _cut(id_: str, title: str, fault: str, shortest: float, longest: float) -> Drill:
    return Drill(
        id_,
        title,
        fault,
        "primary",
        Budget(BudgetKind.GAP, 30.0, ("write",)),
        5,
        (*ALL, "update"),
        row="D5",
        profile="full",
        hold_s=shortest,
        hold_max_s=longest,
        hold_drawn=True,
        return_s=2,
        may_linger=True,
    )


DRILLS: tuple[Drill, ...] = (
    # Before, about, and after the moment at which the lease is ended; the last is longer than any ttl.
    _host_frozen(3, 2.0, 4.0, 5),
    _host_frozen(5, 4.0, 6.0, 5),
    _host_frozen(10, 8.0, 12.0, 5),
    _host_frozen(60, 50.0, 70.0, 3),
    _cut("primary-cut-brief", "The primary cut off from its peers for moments", "cut_off", 1, 12),
    _cut("primary-deaf", "The primary sends to its peers, and hears nothing", "deaf", 8, 40),
    _cut(
        "primary-mute", "The primary hears its peers, and nothing it sends arrives", "mute", 8, 40
    ),
    # Its commits wait for the standby until that is given up (10 s); with etcd's leader at the other end of the link the
    # primary has lost etcd too, and the others elect when its lease has run out.
    _cut("link-cut", "The primary cut off from its synchronous standby only", "link_cut", 15, 40),
    Drill(
        "etcd-leader-power",
        "The primary's host, with etcd's leader on it, loses power",
        "power",
        "primary",
        Budget(BudgetKind.GAP, 13.0, ("write",)),
        3,
        (*ALL, "update"),
        row="D3",
        profile="full",
        hold_max_s=90,
        prepare="etcd_leader_here",
    ),
    # Longer than Patroni's own ttl: neither way may find a new primary.
    Drill(
        "paused-power",
        "The primary's host loses power while Patroni is paused",
        "power_while_paused",
        "primary",
        Budget(BudgetKind.RECOVERY, 300.0),
        3,
        ALL,
        row="D3",
        profile="full",
        hold_s=30,
        hold_max_s=40,
        hold_drawn=True,
        no_successor="pg",
    ),
)
