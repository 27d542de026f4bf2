"""Level A: everything that the inventory alone can tell, without reaching a node. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from langflow_ha.preflight.checks import (
    backups,
    certificates,
    monitoring,
    names,
    overload,
    secret_values,
    settings,
    shape,
    storage,
    vip,
)
from langflow_ha.preflight.model import (
    Check,
    Note,
    Problem,
    Site,
    Vars,
    World,
    contains_placeholder,
)
from langflow_ha.preflight.specs import Specs

CHECKS: tuple[Check, ...] = (
    *names.CHECKS,
    *shape.CHECKS,
    *vip.CHECKS,
    *settings.CHECKS,
    *backups.CHECKS,
    *storage.CHECKS,
    *secret_values.CHECKS,
    *certificates.CHECKS,
    *monitoring.CHECKS,
    *overload.CHECKS,
)

NOTES = (storage.notes, monitoring.notes)


def _site_name(variables: Vars, specs: Specs) -> str:
    name = variables.get("site_name", specs.site["site_name"].default)
    return "" if contains_placeholder(name) else str(name)


def sites(
    hosts: Mapping[str, Vars],
    groups: Mapping[str, Sequence[str]],
    specs: Specs,
    known: Collection[str],
    world: World,
) -> list[Site]:
    """Split an inventory into its sites, by the hosts' `site_name`."""
    by_name: dict[str, dict[str, Vars]] = {}
    for host, variables in hosts.items():
        by_name.setdefault(_site_name(variables, specs), {})[host] = variables
    return [Site(name, members, groups, specs, known, world) for name, members in by_name.items()]


def notes(
    hosts: Mapping[str, Vars],
    groups: Mapping[str, Sequence[str]],
    specs: Specs,
    known: Collection[str],
    world: World,
) -> list[Note]:
    """Return what an operator should know of a good inventory before it is rolled out."""
    return [
        note
        for site in sites(hosts, groups, specs, known, world)
        for subject in NOTES
        for note in subject(site)
    ]


def problems(
    hosts: Mapping[str, Vars],
    groups: Mapping[str, Sequence[str]],
    specs: Specs,
    known: Collection[str],
    world: World,
    skip: Collection[str] = (),
) -> list[Problem]:
    """Return everything that is wrong with an inventory, all at once, each finding once.

    `hosts` has each host's variables (evaluated; Unreadable where that failed), `groups` the
    hosts of each group, `known` the variable names that some role reads, `skip` names of checks.
    """
    if not hosts:
        return [
            Problem(
                "sizes",
                "inventory",
                "",
                "there is no host in it",
                "pass the site's inventory directory: ansible-playbook -i inventories/<site> …",
            )
        ]
    found = sites(hosts, groups, specs, known, world)
    every = [problem for site in found for check in CHECKS for problem in check(site)]
    every += vip.between_sites(found)
    return [problem for problem in dict.fromkeys(every) if problem.check not in skip]
