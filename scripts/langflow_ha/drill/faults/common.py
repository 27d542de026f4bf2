"""What several faults are made of."""

from __future__ import annotations

from langflow_ha.drill.faults.script import TABLE, Fault

NO_TABLE = f"nft delete table inet {TABLE} 2>/dev/null || true"


def killed(unit: str) -> Fault:
    """Kill every process of a unit at once, children and keepers included."""
    return Fault(
        f"{unit}_killed",
        f"systemctl kill --signal=KILL {unit}.service",
        f"systemctl reset-failed {unit}.service; systemctl start --no-block {unit}.service",
    )


def frozen(unit: str) -> Fault:
    """Stop every process of a unit: its sockets stay open and the kernel still accepts for it."""
    return Fault(
        f"{unit}_frozen",
        f"systemctl kill --signal=STOP {unit}.service",
        f"systemctl kill --signal=CONT {unit}.service; systemctl start --no-block {unit}.service",
    )


def lost(unit: str) -> Fault:
    """Kill every process of a unit and keep it from coming back, until the undo."""
    return Fault(
        f"{unit}_lost",
        f"systemctl kill --signal=KILL {unit}.service; systemctl stop {unit}.service",
        f"systemctl reset-failed {unit}.service; systemctl start --no-block {unit}.service",
    )
