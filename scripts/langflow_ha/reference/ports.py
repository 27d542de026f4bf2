"""The packet filter's map as Markdown. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

HEAD = """\
# Ports

Generated from `__firewall_map` in `playbooks/group_vars/all/wiring.yml`, which the nodes' packet filters are made from, by
`langflow-ha reference write`; do not edit by hand. What is not listed is dropped. "From" and "at" are groups of the inventory, or
networks that a variable names; a rule whose group is empty is not there.

| port | for | from | at |
|---|---|---|---|
"""

# Jinja in the map, and what it comes to.
EXPRESSIONS = {
    r"\{\{ __operators \}\}": "`operator_networks`",
    r"\{\{ (\w+_networks) \| default\(.*\) \}\}": r"`\1`",
    r"\{\{ __members\.(\w+) \| map\(attribute='address'\) \}\}": r"\1",
    r"\{\{ '(\w+)' if __backup_target != 'none' else '' \}\}": r"\1, with a `backup_target`",
    r"\{\{ '(\w+)' if grafana_package \| default\(''\) else '' \}\}": r"\1, with a `grafana_package`",
    r"\{\{ '(\w+)' if __central_logs else '' \}\}": r"\1, with `central_logs`",
    r"\{\{ '(\w+)' if __traces else '' \}\}": r"\1, with `traces_enabled`",
}


def _place(text: str) -> str:
    """Return a source or a place as words; ValueError for an expression that has none."""
    for pattern, words in EXPRESSIONS.items():
        if re.fullmatch(pattern, text):
            return re.sub(pattern, words, text)
    if not re.fullmatch(r"\w+", text):
        raise ValueError(f"__firewall_map: say in ports.EXPRESSIONS what {text!r} comes to")
    return text


def _row(rule: Mapping[str, Any]) -> tuple[str, str, str, str]:
    protocol = str(rule.get("protocol", "tcp"))
    numbers = ", ".join(map(str, rule.get("ports", [])))
    port = "VRRP (IP protocol 112)" if protocol == "vrrp" else numbers
    if protocol == "udp":
        port += " (UDP)"
    source = _place(str(rule.get("sources") or rule["from"]))
    return port, str(rule["name"]), source, _place(str(rule["at"]))


def ports(rules: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of ports as Markdown."""
    return HEAD + "".join(f"| {' | '.join(_row(rule))} |\n" for rule in rules)
