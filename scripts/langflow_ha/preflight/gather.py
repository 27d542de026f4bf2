"""From Ansible's `hostvars` to plain data that the checks can work on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from langflow_ha.preflight.checks.names import MAGIC
from langflow_ha.preflight.model import Unreadable
from langflow_ha.preflight.specs import Specs


def plain(value: Any) -> Any:
    """Return a deep copy made of Python's own types; Ansible's containers evaluate lazily."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def host_variables(
    raw: Mapping[str, Any],
    evaluate: Callable[[str], Any],
    specs: Specs,
    wiring: Collection[str],
) -> dict[str, Any]:
    """Return the variables of one host, evaluated; what fails to evaluate becomes Unreadable.

    `raw` has the variables unevaluated, `evaluate` returns one of them evaluated. The
    playbooks' own wiring (`wiring`) is left out: it refers to facts that nobody has gathered.
    """
    variables: dict[str, Any] = {}
    operators = {*specs.site, *specs.host, *specs.secrets, "ansible_host"}
    for name in raw:
        if name in MAGIC or (name in wiring and name not in operators):
            continue
        if name.startswith("ansible_") and name != "ansible_host":
            continue
        try:
            variables[name] = plain(evaluate(name))
        except Exception as error:
            if name in wiring:
                # The default that the wiring gives has nothing to stand on; checks say so better.
                continue
            # Other variables may lawfully refer to facts of the node; these must not.
            message = " ".join(str(error).split())
            variables[name] = Unreadable(message) if name in operators else str(raw[name])
    return variables


def file_reader(base: Path) -> Callable[[str], bytes | None]:
    """Return a function that reads a controller file; relative paths start at `base`."""

    def read(path: str) -> bytes | None:
        try:
            return (base / Path(path).expanduser()).read_bytes()
        except OSError:
            return None

    return read
