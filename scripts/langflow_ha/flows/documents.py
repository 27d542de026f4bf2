"""Flow documents: what counts in them, which fields are secret, how two differ. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from langflow_ha.flows.model import Document

KEPT = (
    *("id", "name", "description", "data", "is_component", "endpoint_name", "tags", "icon"),
    *("icon_bg_color", "locked", "mcp_enabled", "action_name", "action_description"),
)
"""Keys that say what a flow is. The others say where it is: its user, its project, its times."""

OF_THE_EDITOR = frozenset({"positionAbsolute", "dragging", "selected"})
"""Keys of a node that change when it is only touched; `lfx pull` leaves the same ones out (langflow_sdk/serialization.py)."""

MOST_DIFFERENCES = 20
LONGEST_VALUE = 60
HIDDEN = "<hidden>"


@dataclass(frozen=True, slots=True)
class Field:
    """One input of one component."""

    node: str
    name: str
    definition: dict[str, Any]

    @property
    def secret(self) -> bool:
        return bool(self.definition.get("password"))

    @property
    def variable(self) -> str:
        """Name of the global variable that fills it; "" when none does."""
        value = self.definition.get("value")
        return str(value) if self.definition.get("load_from_db") and value else ""


def _nodes(data: Any) -> Iterator[dict[str, Any]]:
    """Walk over all nodes; a group has a flow of its own inside."""
    for node in (data or {}).get("nodes") or []:
        yield node
        inner = ((node.get("data") or {}).get("node") or {}).get("flow") or {}
        yield from _nodes(inner.get("data"))


def fields(document: Document) -> Iterator[Field]:
    """Walk over all fields of all components."""
    for node in _nodes(document.get("data")):
        template = ((node.get("data") or {}).get("node") or {}).get("template") or {}
        for name, definition in template.items():
            if isinstance(definition, dict):
                yield Field(str(node.get("id")), name, definition)


def typed_secrets(document: Document) -> list[Field]:
    """Return secret fields that hold a value of their own instead of a global variable's name."""
    return [
        field
        for field in fields(document)
        if field.secret and field.definition.get("value") and not field.variable
    ]


def variables(document: Document) -> dict[str, Field]:
    """Return the global variables that a flow asks for, each with a field that does."""
    return {field.variable: field for field in fields(document) if field.variable}


def normalized(document: Document) -> dict[str, Any]:
    """Return what counts in a flow, keys sorted: the same flow is the same text.

    Unlike `lfx pull` it keeps the names of global variables: without them a flow does not run.
    """
    found: dict[str, Any] = json.loads(json.dumps(document, sort_keys=True))
    kept = {key: found[key] for key in sorted(KEPT) if found.get(key) not in (None, False, [], "")}
    for node in _nodes(kept.get("data")):
        for key in OF_THE_EDITOR & node.keys():
            del node[key]
    return kept


def without_secrets(document: Document) -> dict[str, Any]:
    """Return it normalized, and secret fields that hold a value of their own emptied."""
    kept = normalized(document)
    for field in typed_secrets(kept):
        field.definition["value"] = ""
    return kept


def text(document: Document) -> str:
    """Return a flow as its file in the tree."""
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def differences(before: Document, after: Document) -> list[str]:
    """Return one line for each place in which two flows differ, at most MOST_DIFFERENCES and how many more."""
    found = list(_differences(normalized(before), normalized(after), ""))
    if len(found) > MOST_DIFFERENCES:
        found[MOST_DIFFERENCES:] = [f"… and {len(found) - MOST_DIFFERENCES} more"]
    return found


def _differences(one: Any, two: Any, place: str, *, hidden: bool = False) -> Iterator[str]:
    if one == two:
        return
    if isinstance(one, dict) and isinstance(two, dict):
        # A password that is a variable's name may be shown; nothing else of such a field.
        hide = any(side.get("password") and not side.get("load_from_db") for side in (one, two))
        for key in sorted({*one, *two}):
            yield from _differences(
                one.get(key), two.get(key), f"{place}.{key}".lstrip("."), hidden=hide and key == "value"
            )  # fmt: skip
        return
    if isinstance(one, list) and isinstance(two, list) and _identified(one) and _identified(two):
        left = {item["id"]: item for item in one}
        right = {item["id"]: item for item in two}
        for key in [*left, *(key for key in right if key not in left)]:
            yield from _differences(left.get(key), right.get(key), f"{place}[{key}]")
        return
    yield f"{place}: {_shown(one, hidden=hidden)} -> {_shown(two, hidden=hidden)}"


def _identified(items: list[Any]) -> bool:
    return all(isinstance(item, dict) and "id" in item for item in items)


def _shown(value: Any, *, hidden: bool) -> str:
    if value in (None, ""):
        return "nothing"
    if hidden:
        return HIDDEN
    if isinstance(value, dict | list):
        return f"({len(value)} entries)"
    told = json.dumps(value, ensure_ascii=False)
    return told if len(told) <= LONGEST_VALUE else told[: LONGEST_VALUE - 1] + "…"
