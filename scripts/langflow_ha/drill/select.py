"""Which nodes a drill breaks, and whether it may run at all. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from langflow_ha.drill.catalogue.classes import DATABASE
from langflow_ha.drill.faults import FAULTS
from langflow_ha.drill.model import Drill, Request
from langflow_ha.status.model import ClusterView
from langflow_ha.status.site import Node


class NoTarget(Exception):  # noqa: N818 - it is an answer, not an error
    """The cluster has no node that fits; the text says why, and the drill is skipped."""


def targets(selector: str, view: ClusterView, random: Random) -> tuple[str, ...]:
    """Return the names of the nodes that `selector` means now, in the order in which they return."""
    if selector == "nobody":
        return ()
    if selector == "everybody":
        names = [node.name for node in view.nodes]
        random.shuffle(names)
        return tuple(names)
    if selector == "vip_holder":
        return _single(view.vip_owners, "holder of the VIP")
    if selector == "primary":
        return _single(view.primaries, "PostgreSQL primary")
    if selector == "valkey_master":
        return _single(view.valkey_masters, "Valkey master")
    if selector == "langflow":
        return _langflows(view)[:1]
    if selector == "all_langflows_but_one":
        return _langflows(view)[:-1]
    if selector == "valkeys":
        return _some(_members(view, "valkey"), "Valkey")
    if selector == "etcd":
        # The primary's own member is the one whose loss its Patroni feels first.
        members = _some(_members(view, "etcd"), "etcd member")
        return (next((name for name in members if name in view.primaries), members[0]),)
    if selector == "etcd_majority":
        members = _some(_members(view, "etcd"), "etcd member")
        return members[: len(members) // 2 + 1]
    if selector == "store":
        return _some(_plainest_first(view, _members(view, "minio")), "MinIO node")[:1]
    if selector == "primary_and_standbys":
        standbys = _some(view.synchronous_standbys, "synchronous standby")
        return (*_single(view.primaries, "PostgreSQL primary"), *standbys)
    if selector == "synchronous_standby":
        return _some(_plainest_first(view, view.synchronous_standbys), "synchronous standby")[:1]
    raise ValueError(f"unknown target selector {selector!r}")


def _langflows(view: ClusterView) -> tuple[str, ...]:
    """Return the LangFlow nodes that are ready, the plainest first; NoTarget when one could not stand in."""
    ready = _plainest_first(view, view.ready_langflows)
    if len(ready) < 2:
        raise NoTarget("fewer than two LangFlow nodes are ready")
    return ready


def _members(view: ClusterView, group: str) -> tuple[str, ...]:
    return tuple(node.name for node in view.nodes if group in node.groups)


def _plainest_first(view: ClusterView, names: tuple[str, ...]) -> tuple[str, ...]:
    """Sort by how much else a node is: a fault must not be mixed with others."""
    roles = (view.vip_owners, view.primaries, view.valkey_masters)
    return tuple(
        sorted(names, key=lambda name: (sum(name in r for r in roles), name in roles[0], name))
    )


def _some(names: tuple[str, ...], what: str) -> tuple[str, ...]:
    if not names:
        raise NoTarget(f"there is no {what} in this cluster")
    return names


def _single(names: tuple[str, ...], what: str) -> tuple[str, ...]:
    if len(names) != 1:
        raise NoTarget(f"there is no single {what}: {', '.join(names) or 'none'}")
    return names


def suited(drill: Drill, nodes: Sequence[Node]) -> Drill:
    """Return the drill with the clients that the site has: of LangFlow, or of its database alone."""
    if any("langflow" in node.groups for node in nodes):
        return drill
    return replace(drill, classes=DATABASE)


def refusal(drill: Drill, view: ClusterView, active: list[str]) -> str:
    """Return why the drill must not run now, "" when it may.

    `active` are traces of another fault on the nodes. A drill on a cluster that is not healthy
    would measure the illness and could make it worse.
    """
    if alien := [cls for cls in drill.budget.classes if cls not in drill.classes]:
        return f"its budget is about {', '.join(alien)}, and this cluster has no LangFlow"
    if active:
        return f"another fault is active: {active[0]}"
    if not view.verdict.can_fail_over:
        return f"the cluster cannot fail over now: {view.verdict.because[0]}"
    if drill.needs_standby and view.primaries and not view.synchronous_standbys:
        return "PostgreSQL has no synchronous standby"
    if view.backup:
        for kept in view.backup.kept:
            if complaint := kept.complaint(view.at):
                return f"{complaint}: a drill may need it; make one first (langflow-ha-backup run, on the primary)"
    unwell = [node.name for node in view.nodes if "langflow" in node.groups and not node.langflow]
    if unwell:
        return f"LangFlow is not ready on {', '.join(unwell)}"
    if "build" in drill.classes and not view.valkey_masters:
        return "there is no Valkey in this cluster"
    if FAULTS[drill.fault].needs_second and len(view.nodes) < 3:
        return "cutting a node off needs a majority on the other side: three nodes"
    return ""


def unfit(requests: list[Request], drill: Drill) -> str:
    """Return why the load is no base for a measurement: a class without success before the fault."""
    for cls in drill.classes:
        mine = [r for r in requests if r.cls == cls]
        if not any(r.ok for r in mine):
            notes = sorted({r.note for r in mine if r.note})
            return f"no {cls} request succeeds before the fault ({', '.join(notes) or 'no answer yet'})"
    return ""
