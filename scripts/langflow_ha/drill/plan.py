"""What a drill would do now: target, commands, time. Pure but for `gathered`, which only asks."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from langflow_ha.drill.engine import WARM_UP_MAX_S, WARM_UP_S
from langflow_ha.drill.faults import FAULTS, PREPARATIONS
from langflow_ha.drill.measure import quantile
from langflow_ha.drill.model import Drill, Outcome
from langflow_ha.drill.orders import phases, undo_after_s
from langflow_ha.drill.record import figure
from langflow_ha.drill.select import NoTarget, refusal, suited, targets
from langflow_ha.drill.series import TimedRecord
from langflow_ha.drill.traces import active_faults
from langflow_ha.status.gather import gather
from langflow_ha.status.model import ClusterView
from langflow_ha.status.remote import Remote
from langflow_ha.status.site import Node, Site


@dataclass(frozen=True, slots=True)
class Command:
    """What would be run as root on one node, or done to it."""

    node: str
    inject: str
    undo: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One drill as it would run at this moment."""

    drill: Drill
    repetitions: int
    refused: str
    """Why it would be skipped now; "" when it would run."""
    targets: tuple[str, ...]
    commands: tuple[Command, ...]
    usual_s: float
    """Median time of earlier repetitions; NaN when there were none."""
    most_s: float
    """Most that one repetition can take from the start of the load to the steady state."""


def planned(
    site: Site,
    drill: Drill,
    repetitions: int,
    view: ClusterView,
    active: list[str],
    past: Sequence[TimedRecord],
) -> Plan:
    """Return what `drill` would do on a cluster that is in the state of `view`.

    `active` are traces of other faults, `past` all records of the site. The choice of nodes is
    that of `select.targets`; where it is random (`everybody`), the order may differ in the run.
    """
    drill = suited(drill, site.nodes)
    refused = refusal(drill, view, active)
    names: tuple[str, ...] = ()
    try:
        names = targets(drill.target, view, Random(0))  # noqa: S311 - an order of nodes, no secret
    except NoTarget as none:
        refused = refused or str(none)
    took = [
        r.undo_at + r.steady_s - r.started
        for r in past
        if r.drill == drill.id and r.steady_s is not None and r.outcome is not Outcome.SKIPPED
    ]
    return Plan(
        drill=drill,
        repetitions=repetitions,
        refused=refused,
        targets=names,
        commands=_commands(site, drill, names),
        usual_s=quantile(took, 0.5),
        most_s=WARM_UP_MAX_S + drill.hold_max_s + drill.steady_s,
    )


def _commands(site: Site, drill: Drill, names: Sequence[str]) -> tuple[Command, ...]:
    orders = (order for phase in phases(site, drill, names) for order in phase)
    found = [Command(order.node.name, order.inject, order.undo) for order in orders]
    if FAULTS[drill.fault].power:
        found += [_power(drill, site.node(name)) for name in names]
    return tuple(found)


def _power(drill: Drill, node: Node) -> Command:
    if node.container:
        start = f"docker start {node.container}"
        guard = f"(after {undo_after_s(drill)} s even if the controller dies)"
        return Command(node.name, f"docker kill {node.container}", f"{start}  {guard}")
    return Command(
        node.name, "echo b > /proc/sysrq-trigger", "nothing: the machine boots again by itself"
    )


def limit(drill: Drill) -> str:
    """Return a drill's budget for people: "gap ui <= 1.50 s"."""
    budget = drill.budget
    words = (str(budget.kind), ",".join(budget.classes), "<=")
    return " ".join(filter(None, (*words, figure(budget.limit, str(budget.kind)))))


def duration(seconds: float) -> str:
    """Return a time for people: "25 s", "7 min"."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{math.ceil(seconds / 60)} min"


def text(plan: Plan) -> str:
    """Return the plan as lines for the terminal."""
    drill = plan.drill
    most = f"at most {duration(plan.most_s)}"
    usual = most if math.isnan(plan.usual_s) else f"usually {duration(plan.usual_s)}, {most}"
    lines = [
        f"{drill.id}: {drill.title}",
        f"  now      {'would be SKIPPED: ' + plan.refused if plan.refused else 'would run'}",
        f"  target   {drill.target.replace('_', ' ')}: {', '.join(plan.targets) or 'no node'}",
        f"  load     {', '.join(drill.classes)} through the VIP, {WARM_UP_S:g} s before the fault",
        f"  fault    {drill.fault}, held for {'a time drawn from ' if drill.hold_drawn else ''}"
        f"{drill.hold_s:g} to {drill.hold_max_s:g} s",
        f"  budget   {limit(drill)}",
        f"  time     {plan.repetitions} times {usual}, and the verification",
    ]
    for node in plan.targets if drill.prepare else ():
        script = PREPARATIONS[drill.prepare].rstrip()
        lines += [f"  prepare on {node}:", textwrap.indent(script, "    ")]
    for command in plan.commands:
        for name, script in (("inject", command.inject), ("undo", command.undo)):
            lines += [f"  {name} on {command.node}:", textwrap.indent(script.rstrip(), "    ")]
    return "\n".join(lines)


async def gathered(
    site: Site,
    remote: Remote,
    drills: Sequence[tuple[Drill, int]],
    past: Sequence[TimedRecord],
) -> list[Plan]:
    """Ask the nodes for their state, change nothing, and return the plans of (drill, repetitions)."""
    view, active = await gather(site, remote), await active_faults(site, remote)
    return [planned(site, drill, count, view, active, past) for drill, count in drills]
