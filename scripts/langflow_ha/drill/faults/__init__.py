"""The faults: what breaks on a node, and what mends it again; one module per section of the catalogue."""

from __future__ import annotations

from langflow_ha.drill.faults import database, edge, host, kernel, langflow, queue, store
from langflow_ha.drill.faults.prepare import PREPARATIONS, PREPARE_S
from langflow_ha.drill.faults.script import (
    Around,
    Fault,
    active_script,
    injection_script,
    undo_file,
    undo_script,
)

__all__ = [
    "FAULTS",
    "PREPARATIONS",
    "PREPARE_S",
    "Around",
    "Fault",
    "active_script",
    "injection_script",
    "undo_file",
    "undo_script",
]

FAULTS: dict[str, Fault] = {
    fault.id: fault
    for section in (host, edge, langflow, database, queue, store, kernel)
    for fault in section.FAULTS
}
