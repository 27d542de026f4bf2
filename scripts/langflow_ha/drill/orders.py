"""What is run where by a fault, and the dead-man switches that undo it without the controller."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from langflow_ha.drill.faults import FAULTS, Around, Fault, injection_script, undo_script
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


@dataclass
class Undo:
    """What has been broken and not yet mended."""

    broken: list[Order] = field(default_factory=list)
    """In the order in which they were broken; mended the other way round."""
    without_power: list[Node] = field(default_factory=list)
    guards: list[subprocess.Popen[bytes]] = field(default_factory=list)
    done: bool = False


def undo_after_s(drill: Drill) -> int:
    """Return after how many seconds the fault mends itself when the controller is gone."""
    return int(drill.hold_max_s + 60)


def phases(site: Site, drill: Drill, names: Sequence[str]) -> list[list[Order]]:
    """Return what is run where, all of a phase at once; a fault's power is taken after that."""

    def order(fault: Fault, node: Node) -> Order:
        others = [other for other in site.nodes if other is not node]
        return Order(
            node,
            fault,
            injection_script(
                fault,
                Around(
                    peers4=[other.cluster_address for other in others],
                    peers6=[other.address6 for other in others if other.address6],
                    vips4=[site.vip4],
                    vips6=[site.vip6] if site.vip6 else [],
                    targets=names,
                ),
                undo_after_s(drill),
            ),
            undo_script(fault, names),
        )

    fault = FAULTS[drill.fault]
    targets = [] if fault.power else [[order(fault, site.node(name)) for name in names]]
    if not fault.first:
        return targets
    elsewhere = [
        node
        for node in site.nodes
        if fault.first_group in node.groups and (fault.first_on_targets or node.name not in names)
    ]
    return [[order(fault.first, node) for node in elsewhere], *targets]


def drawn(drill: Drill, seed: int, repetition: int) -> Drill:
    """Return the drill as this repetition runs it: with the hold that the seed gives it."""
    if not drill.hold_drawn:
        return drill
    hold = round(randomness(drill, seed, repetition).uniform(drill.hold_s, drill.hold_max_s), 2)
    return replace(drill, hold_s=hold, hold_max_s=hold)


def randomness(drill: Drill, seed: int, repetition: int) -> Random:
    """Return the random numbers of one repetition: they depend on no other drill of the run."""
    return Random(f"{seed} {drill.id} {repetition}")  # noqa: S311 - times and orders, no secret


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
