"""rotate_secrets.yml: every role that is wired to a secret takes part, in an order that locks nobody out."""

from __future__ import annotations

import re
from typing import Any

import yaml
from langflow_ha.preflight.specs import ROOT, load_specs
from langflow_ha.secrets.catalogue import GENERATORS
from langflow_ha.secrets.rotation import REFUSED

PLAYS: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / "playbooks/rotate_secrets.yml").read_text("utf-8")
)
WIRING: dict[str, Any] = yaml.safe_load(
    (ROOT / "playbooks/group_vars/all/wiring.yml").read_text("utf-8")
)
# They have no secret of their own on a node: they use it while a playbook runs.
ON_THE_WAY = {"adopt", "flows", "verify"}


def entries(play: dict[str, Any]) -> list[tuple[str, str]]:
    """Return role and entry point of what a play runs."""
    included = [task["ansible.builtin.include_role"] for task in play.get("tasks", [])]
    return [(r["role"], "main") for r in play.get("roles", [])] + [
        (r["name"], r.get("tasks_from", "main")) for r in included
    ]


ORDER = [entry for play in PLAYS for entry in entries(play)]
NAMES = [play["name"] for play in PLAYS]


def wired_roles() -> set[str]:
    """Return the roles that get a secret which can change under load, through other variables too."""
    text = {name: yaml.safe_dump(value) for name, value in WIRING.items()}
    found = {n for n in GENERATORS if n not in REFUSED}
    size = -1
    while size != len(found):
        size = len(found)
        found |= {n for n, t in text.items() if set(re.findall(r"\w+", t)) & found}
    roles = load_specs().roles
    return {
        role
        for role in roles
        for name in found
        if name in {option for entry in roles[role].values() for option in entry}
        and name.startswith(f"{role}_")
    }


def test_every_role_with_a_secret_takes_part() -> None:
    assert {role for role, entry in ORDER if entry == "main"} >= wired_roles() - ON_THE_WAY
    assert {"valkey", "backend_proxy", "exporters", "backup"} <= wired_roles()


def test_servers_come_before_clients_and_former_values_end_last() -> None:
    def at(role: str, entry: str = "main") -> int:
        return ORDER.index((role, entry))

    servers = [at("postgresql"), at("valkey"), at("minio"), at("langflow", "superuser")]
    clients = [at(r) for r, e in ORDER if e == "main" and ORDER.index((r, e)) not in servers]
    clients.remove(at("rotate_secrets"))
    ends = [at(role, "retire") for role in ("postgresql", "valkey", "minio", "langflow")]
    assert max(servers) < min(clients) and max(clients) < min(ends)
    assert at("rotate_secrets", "forget") > max(ends)


def test_nothing_ends_before_the_restarts_and_a_proof() -> None:
    imported = [p.get("ansible.builtin.import_playbook", "") for p in PLAYS]
    restarts, proof = imported.index("restart_marked.yml"), imported.index("verify.yml")
    first_end = next(i for i, name in enumerate(NAMES) if "former values end" in name)
    assert restarts < proof < first_end


def test_a_node_that_fails_ends_the_run() -> None:
    assert [p["name"] for p in PLAYS if p.get("become") and not p.get("any_errors_fatal")] == []


def test_the_last_quorum_members_change_one_by_one() -> None:
    (play,) = [p for p in PLAYS if ("valkey", "retire") in entries(p)]
    assert play["serial"] == 1
