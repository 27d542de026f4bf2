"""What a push would do. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from langflow_ha.flows.documents import differences, normalized, variables
from langflow_ha.flows.model import Flow, State, Step, Tree


def steps(tree: Tree, live: Mapping[str, Flow]) -> list[Step]:
    """Compare the tree with LangFlow's flows, by id; those of the tree first, then what is in its projects besides."""
    found = []
    for flow in tree.flows:
        before = live.get(flow.id)
        if before is None:
            found.append(Step(State.CREATE, flow, None))
            continue
        lines = differences(before.document, flow.document)
        if before.project != flow.project:
            lines.insert(0, f"project: {before.project} -> {flow.project}")
        found.append(Step(State.CHANGE if lines else State.SAME, flow, before, tuple(lines)))
    mine, projects = {flow.id for flow in tree.flows}, {flow.project for flow in tree.flows}
    extra = [flow for flow in live.values() if flow.project in projects and flow.id not in mine]
    return found + [
        Step(State.EXTRA, flow, flow) for flow in sorted(extra, key=lambda flow: flow.name)
    ]


def refusals(
    planned: Iterable[Step], live: Mapping[str, Flow], known: set[str], user: str
) -> list[str]:
    """Return what LangFlow would not take, or would take and not be able to run."""
    found, names = [], {flow.name: flow for flow in live.values()}
    changing = [step.flow for step in planned if step.state in (State.CREATE, State.CHANGE)]
    for flow in changing:
        other = names.get(flow.name)
        if other and other.id != flow.id:
            found.append(
                f"{flow.path}: LangFlow has another flow called {flow.name!r} ({other.id}, project {other.project}): "
                "rename or remove it there, or take it into the tree"
            )
        for name, field in variables(flow.document).items():
            if name not in known:
                found.append(
                    f"{flow.path}: node {field.node}, field {field.name}: {user} has no global variable {name}: make it in LangFlow"
                )
    return found


def canary_id(flow: str) -> str:
    """Return the id of a flow's canary: the same every time. LangFlow 1.13 takes no UUID of version 5, which is made for that."""
    return str(UUID(bytes=hashlib.sha256(f"canary of {flow}".encode()).digest()[:16], version=4))


def canary(flow: Flow, project: str) -> Flow:
    """Return a copy that can stand beside the flow: another id and name, and no address of its own."""
    document: dict[str, Any] = normalized(flow.document)
    for key in ("endpoint_name", "mcp_enabled", "action_name", "action_description", "locked"):
        document.pop(key, None)
    document |= {"id": canary_id(flow.id), "name": f"canary of {flow.name}"}
    return replace(flow, project=project, document=document)
