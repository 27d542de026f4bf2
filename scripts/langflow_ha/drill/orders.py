"""What is run where by a fault, and the dead-man switches that undo it without the controller."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from langflow_ha.drill.faults import FAULTS, Fault, injection_script, undo_script
from langflow_ha.drill.model import Drill
from langflow_ha.lab.engine import Engine as ContainerEngine
from langflow_ha.status.site import Node, Site


@dataclass(frozen=True, slots=True)
class Order:
    """What is run as root on one node to break it, and to mend it."""

    node: Node
    fault: Fault
    inject: str
    undo: str


def undo_after_s(drill: Drill) -> int:
    """Return after how many seconds the fault mends itself when the controller is gone."""
    return int(drill.hold_max_s + 60)


def phases(site: Site, drill: Drill, names: Sequence[str]) -> list[list[Order]]:
    """Return what is done where by a fault that takes no power: all of a phase at once."""

    def order(fault: Fault, node: Node) -> Order:
        others = [other for other in site.nodes if other is not node]
        return Order(
            node,
            fault,
            injection_script(
                fault,
                [other.cluster_address for other in others],
                [other.address6 for other in others if other.address6],
                undo_after_s(drill),
                names,
            ),
            undo_script(fault, names),
        )

    fault = FAULTS[drill.fault]
    targets = [order(fault, site.node(name)) for name in names]
    if not fault.first:
        return [targets]
    balancers = [node for node in site.nodes if "balancer" in node.groups]
    return [[order(fault.first, node) for node in balancers], targets]


def power_guard(node: Node, seconds: int) -> subprocess.Popen[bytes] | None:
    """Start the dead-man switch of a container's power: it outlives this process. None on real nodes."""
    if not node.container:
        return None
    start = shlex.join([*ContainerEngine().prefix, "start", node.container])
    command = f"sleep {seconds}; {start}"
    return subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
