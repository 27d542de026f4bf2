"""Argument specs as Markdown. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from langflow_ha.preflight.specs import Entry, Option, Specs

HEAD = """\
# Reference of all variables

Generated from `roles/*/meta/argument_specs.yml` by `langflow-ha reference write`; do not edit by hand.

"""

SITE_SECTIONS = (
    ("site", "Site variables", "Set in `inventories/<site>/group_vars/all/main.yml`."),
    ("host", "Host variables", "Set beside `ansible_host` in `inventories/<site>/hosts.yml`."),
    ("secrets", "Secrets", "Made by `langflow-ha secrets init`, kept in the vault."),
)

ROLES = """\
## Role variables

What a role does without being told otherwise. Most are derived from the variables above in
`playbooks/group_vars/all/wiring.yml`; the others can be set in the inventory like a site variable.

"""


def _literal(value: Any) -> str:
    """Return a default as inline code, as it would be typed in YAML."""
    if isinstance(value, str):
        text = value if value else '""'
        if "\n" in text:
            text = json.dumps(value)
    else:
        text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _row(option: Option) -> str:
    kind = f"list of {option.elements}" if option.elements else option.type
    default = "required" if option.required else _literal(option.default)
    if not option.required and not option.has_default:
        default = "none"
    description = option.description
    if option.choices:
        description += " One of: " + ", ".join(f"`{choice}`" for choice in option.choices) + "."
    return f"| `{option.name}` | {kind} | {_cell(default)} | {_cell(description)} |"


def _table(options: Entry) -> Iterator[str]:
    yield "| variable | type | default | meaning |"
    yield "|---|---|---|---|"
    for option in options.values():
        yield _row(option)
    yield ""


def _role(name: str, entries: Mapping[str, Entry], specs: Specs) -> Iterator[str]:
    merged: dict[str, Option] = {}
    for entry, options in entries.items():
        if name == "preflight" and entry in {section for section, _, _ in SITE_SECTIONS}:
            continue
        for option in options.values():
            merged.setdefault(option.name, option)
    yield f"### {name}"
    yield ""
    summary = specs.summaries.get((name, "main"), "").removesuffix(".")
    yield f"{summary}. See [the role](../roles/{name}/README.md)."
    yield ""
    yield from _table(merged) if merged else ["No variables.", ""]


def _lines(specs: Specs) -> Iterator[str]:
    for entry, title, where in SITE_SECTIONS:
        yield f"## {title}"
        yield ""
        yield where
        yield ""
        yield from _table(specs.roles["preflight"][entry])
    yield ROLES.rstrip("\n")
    yield ""
    for name, entries in specs.roles.items():
        yield from _role(name, entries, specs)


def reference(specs: Specs) -> str:
    """Return the whole reference as Markdown."""
    return HEAD + "\n".join(_lines(specs)).rstrip("\n") + "\n"
