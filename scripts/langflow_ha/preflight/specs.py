"""Argument specs of the roles: what variables exist, of what type, with what default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
"""Top directory of the checkout."""


@dataclass(frozen=True)
class Option:
    """One variable as an argument spec describes it; `default` counts only if `has_default`."""

    name: str
    type: str
    description: str = ""
    required: bool = False
    has_default: bool = False
    default: Any = None
    elements: str = ""
    choices: tuple[Any, ...] = ()


Entry = Mapping[str, Option]


@dataclass(frozen=True)
class Specs:
    """All argument specs: role → entry point → variable → option."""

    roles: Mapping[str, Mapping[str, Entry]]
    summaries: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def site(self) -> Entry:
        """What an operator sets for a site."""
        return self.roles["preflight"]["site"]

    @property
    def host(self) -> Entry:
        """What an operator sets for a host."""
        return self.roles["preflight"]["host"]

    @property
    def secrets(self) -> Entry:
        """What the vault holds."""
        return self.roles["preflight"]["secrets"]

    def names(self) -> frozenset[str]:
        """Return every variable name that any spec knows."""
        return frozenset(
            name for entries in self.roles.values() for entry in entries.values() for name in entry
        )


def text(description: object) -> str:
    """Return a spec's description (a string or a list of paragraphs) as one line."""
    parts = description if isinstance(description, list) else [description or ""]
    return " ".join(" ".join(str(part).split()) for part in parts)


def _option(name: str, raw: Mapping[str, Any]) -> Option:
    return Option(
        name=name,
        type=str(raw.get("type", "str")),
        description=text(raw.get("description")),
        required=bool(raw.get("required", False)),
        has_default="default" in raw,
        default=raw.get("default"),
        elements=str(raw.get("elements", "")),
        choices=tuple(raw.get("choices", ())),
    )


def load_specs(root: Path = ROOT) -> Specs:
    """Read `roles/*/meta/argument_specs.yml` under `root`."""
    roles: dict[str, dict[str, Entry]] = {}
    summaries: dict[tuple[str, str], str] = {}
    for path in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        role = path.parents[1].name
        entries = (yaml.safe_load(path.read_text("utf-8")) or {}).get("argument_specs", {})
        roles[role] = {}
        for entry, body in entries.items():
            options = body.get("options") or {}
            roles[role][entry] = {name: _option(name, raw or {}) for name, raw in options.items()}
            summaries[role, entry] = text(body.get("short_description"))
    return Specs(roles, summaries)


def wiring_names(root: Path = ROOT) -> frozenset[str]:
    """Return the variables that the playbooks themselves set (`playbooks/group_vars`)."""
    names: set[str] = set()
    for path in root.glob("playbooks/group_vars/**/*.yml"):
        names |= set(yaml.safe_load(path.read_text("utf-8")) or {})
    return frozenset(names)
