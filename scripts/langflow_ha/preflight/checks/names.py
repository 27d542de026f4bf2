"""Variable names and values in general: unknown, removed, not filled in, wrong type, not allowed."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from langflow_ha.preflight.model import (
    Problem,
    Site,
    Unreadable,
    Unset,
    contains_placeholder,
    convert,
    listing,
)
from langflow_ha.preflight.secret_forms import DATABASE_LOGIN, FORMER, PREVIOUS

# Variables that people bring from other kits or from LangFlow's own documentation.
REMOVED = {
    "keepalived_auth_pass": "VRRPv3 has no passwords; the firewall limits VRRP to the peers. Remove it",
    "vip_interface_name": "use vip_interface, on the host",
    "vip": "use vip_ipv4 and vip_ipv6",
    "vip_address": "use vip_ipv4 and vip_ipv6",
    "redis_password": "the queue is Valkey; use secret_valkey_password in the vault",
    "langflow_replicas": "the number of hosts in the group langflow decides. Remove it",
    "langflow_mode": "use langflow_ha_mode",
    "langflow_auto_login": "auto-login gives everyone the superuser's rights. Remove it",
    "langflow_database_url": "the kit makes it from the cluster's own database. Remove it",
    "langflow_cache_type": "any other cache than the kit's breaks builds across nodes. Remove it",
}

# Ansible's own, and those of the tool that runs the kit's tests.
FOREIGN = ("ansible_", "molecule_")

# Ansible's own, which are in every host's variables.
MAGIC = frozenset(
    {
        "environment",
        "gather_subset",
        "group_names",
        "groups",
        "hostvars",
        "inventory_dir",
        "inventory_file",
        "inventory_hostname",
        "inventory_hostname_short",
        "module_setup",
        "omit",
        "play_hosts",
        "playbook_dir",
        "role_name",
        "role_names",
        "role_path",
        "vars",
    }
)

SECRET_WORDS = ("secret_", "password", "token", "private_key")


def is_secret(name: str) -> bool:
    """Tell whether the value of a variable of this name must not be shown."""
    return any(word in name for word in SECRET_WORDS) and not name.endswith("_file")


def shown(name: str, value: Any) -> str:
    """Return a value for a message: secrets by their length only, long values cut."""
    if isinstance(value, Unreadable):
        return "(not evaluable)"
    if is_secret(name) and not contains_placeholder(value):
        return f"({len(str(value))} characters)"
    if isinstance(value, bool):
        return str(value).lower()
    text = '""' if value == "" else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _set_variables(site: Site) -> Iterator[tuple[str, list[str], Any]]:
    """Yield each variable that is set, the hosts that have it, and the first one's value."""
    hosts: dict[str, list[str]] = {}
    for host, variables in site.hosts.items():
        for name in variables:
            hosts.setdefault(name, []).append(host)
    for name in sorted(hosts):
        yield name, hosts[name], site.hosts[hosts[name][0]][name]


def unknown(site: Site) -> Iterator[Problem]:
    """Names that nothing reads: mostly typing mistakes, which would silently keep a default."""
    for name, hosts, value in _set_variables(site):
        if name in REMOVED:
            yield Problem(
                "unknown", name, shown(name, value), "this kit has no such variable", REMOVED[name]
            )
            continue
        if name in site.known or name in MAGIC or name.startswith(FOREIGN):
            continue
        if name.removeprefix(PREVIOUS) in site.specs.secrets:
            continue
        if name.removesuffix(FORMER) in {*site.specs.secrets, DATABASE_LOGIN}:
            continue
        where = "" if len(hosts) == len(site.hosts) else f" (set for {listing(hosts)})"
        close = get_close_matches(name, site.known, n=1, cutoff=0.75)
        fix = (
            f"did you mean {close[0]}?" if close else "remove it; docs/reference.md lists all names"
        )
        yield Problem(
            "unknown", name, shown(name, value), f"no role has a variable of this name{where}", fix
        )


def placeholders(site: Site) -> Iterator[Problem]:
    """Values that are still marked as to be filled in: per host, or once for the site."""

    def problem(name: str, value: Any) -> Problem:
        return Problem(
            "placeholder",
            name,
            shown(name, value),
            "the value is still the placeholder",
            "fill it in; the comment beside it says what belongs there",
        )

    for name, hosts, first in _set_variables(site):
        if name != "ansible_host" and name not in site.specs.host:
            if contains_placeholder(first):
                yield problem(name, first)
            continue
        for host in hosts:
            value = site.hosts[host][name]
            # The cluster's address is the host's own unless set; one finding is enough.
            inherited = name == "cluster_address" and value == site.hosts[host].get("ansible_host")
            if contains_placeholder(value) and not inherited:
                yield problem(f"{name} of {host}", value)


def evaluable(site: Site) -> Iterator[Problem]:
    """Values that Ansible cannot evaluate."""
    for name, hosts, value in _set_variables(site):
        if isinstance(value, Unreadable):
            yield Problem(
                "evaluable",
                name,
                "",
                f"cannot be evaluated on {hosts[0]}: {value.message}",
                "correct the expression, or define what it refers to",
            )


def types(site: Site) -> Iterator[Problem]:
    """Site variables of the wrong type, and words that are not among the choices."""
    for name, option in site.specs.site.items():
        raw = site.raw(name)
        if raw is Unset or contains_placeholder(raw) or isinstance(raw, Unreadable):
            continue
        value = convert(option, raw)
        if value is None:
            yield Problem(
                "type",
                name,
                shown(name, raw),
                f"has to be of type {option.type}",
                option.description,
            )
        elif option.choices and value not in option.choices:
            close = get_close_matches(str(value), [str(c) for c in option.choices], n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else option.description
            yield Problem(
                "choice",
                name,
                shown(name, raw),
                f"is not one of {listing(str(c) for c in option.choices)}",
                hint,
            )


def required(site: Site) -> Iterator[Problem]:
    """Site variables without a default that nobody set."""
    for name, option in site.specs.site.items():
        if option.required and (site.raw(name) is Unset or site.raw(name) in ("", [], None)):
            fix = (
                "run: langflow-ha secrets init --inventory <directory of this inventory>"
                if name == "tls_ca_certificate"
                else f"set it in group_vars/all/main.yml: {option.description}"
            )
            yield Problem("required", name, "", "is not set and has no default", fix)


def uniform(site: Site) -> Iterator[Problem]:
    """Site variables that differ between the hosts of one site."""
    for name in site.specs.site:
        values: dict[str, list[str]] = {}
        for host, variables in site.hosts.items():
            value = variables.get(name, Unset)
            text = "not set" if value is Unset else shown(name, value)
            values.setdefault(text, []).append(host)
        if len(values) > 1:
            found = "; ".join(f"{text} on {listing(hosts)}" for text, hosts in values.items())
            yield Problem(
                "uniform",
                name,
                "",
                f"differs between the hosts of a site: {found}",
                "set it once, in group_vars/all/main.yml",
            )


CHECKS = (unknown, placeholders, evaluable, types, required, uniform)
