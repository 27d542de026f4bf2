"""What preflight works on (a site as plain data) and what it finds (problems)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from langflow_ha.preflight.specs import Option, Specs

PLACEHOLDER = "CHANGE_ME"
Address = IPv4Address | IPv6Address
Vars = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """One finding: which variable has which value, why it is refused and how to mend it."""

    check: str
    variable: str
    value: str
    reason: str
    fix: str


@dataclass(frozen=True)
class Note:
    """What a setting brings along that is not wrong, but that nobody should learn from an outage."""

    variable: str
    value: str
    text: str


@dataclass(frozen=True)
class Unreadable:
    """Stands for a value that Ansible could not evaluate, with its explanation."""

    message: str


class Unset:
    """Marks a variable that nobody set and that has no default."""


def _nothing(_path: str) -> bytes | None:
    return None


@dataclass(frozen=True)
class World:
    """What checks may know besides the inventory: the time, and files on the controller."""

    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    read_file: Callable[[str], bytes | None] = _nothing


def truth(value: Any) -> bool | None:
    """Return a YAML or command-line boolean; None when it is neither."""
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word in {"true", "yes", "on", "1"}:
        return True
    return False if word in {"false", "no", "off", "0"} else None


def whole(value: Any) -> int | None:
    """Return an integer, also from the command line's text; None when it is none."""
    if isinstance(value, bool):
        return None
    try:
        return int(str(value))
    except ValueError:
        return None


def convert(option: Option, value: Any) -> Any:
    """Return `value` as the option's type; None when it does not fit."""
    if value is None or isinstance(value, Unreadable):
        return None
    converters: dict[str, Callable[[Any], Any]] = {
        "bool": truth,
        "int": whole,
        "list": lambda v: list(v) if isinstance(v, list | tuple) else None,
        "dict": lambda v: dict(v) if isinstance(v, Mapping) else None,
        "str": lambda v: None if isinstance(v, list | tuple | Mapping) else str(v),
    }
    return converters.get(option.type, lambda v: v)(value)


def contains_placeholder(value: Any) -> bool:
    """Tell whether a value, or anything inside it, still has to be filled in."""
    if isinstance(value, str):
        return PLACEHOLDER in value
    if isinstance(value, Mapping):
        return any(contains_placeholder(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(contains_placeholder(item) for item in value)
    return False


def parse_address(value: Any) -> Address | None:
    """Return an IP address; None when the text is none."""
    try:
        return ip_address(str(value).strip())
    except ValueError:
        return None


@dataclass(frozen=True)
class Site:
    """The hosts of one site with their variables, and the groups they are in."""

    name: str
    hosts: Mapping[str, Vars]
    groups: Mapping[str, Sequence[str]]
    specs: Specs
    known: Collection[str]
    world: World

    def members(self, group: str) -> list[str]:
        """Return the hosts of a group, in inventory order."""
        return [host for host in self.groups.get(group, ()) if host in self.hosts]

    def raw(self, name: str) -> Any:
        """Return the value as set (the first host's), or Unset."""
        for variables in self.hosts.values():
            if name in variables:
                return variables[name]
        return Unset

    def value(self, name: str) -> Any:
        """Return a site variable as its type, its default if unset, None when unusable.

        Unusable (not filled in, wrong type, not evaluable) is reported by checks of
        its own, so that others can just skip a None.
        """
        option = self.specs.site.get(name) or self.specs.secrets[name]
        raw = self.raw(name)
        if raw is Unset:
            return option.default if option.has_default else None
        return None if contains_placeholder(raw) else convert(option, raw)

    def address(self, host: str) -> Address | None:
        """Return the host's cluster address (default: ansible_host); None when it has no valid one."""
        variables = self.hosts[host]
        return parse_address(variables.get("cluster_address") or variables.get("ansible_host"))


Check = Callable[[Site], Iterable[Problem]]


def listing(names: Iterable[str]) -> str:
    """Return names as text: "n1, n2"; "none" for no name."""
    return ", ".join(names) or "none"
