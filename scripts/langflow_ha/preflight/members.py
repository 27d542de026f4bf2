"""Level B: the members that the running cluster has, against those of the inventory. Pure.

A quorum counts its members by what they hold, not by what an inventory says. So an inventory that lost a node, a store
of another size, and too many empty machines at once are refused before anything is changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langflow_ha.preflight.model import Problem, listing

BY_NAME = ("etcd", "postgresql")
BY_ADDRESS = ("valkey", "minio")
REPLACE = "playbooks/replace_node.yml"
REMOVE = "playbooks/remove_node.yml"


@dataclass(frozen=True)
class Members:
    """The wanted members, and what each node of the play told (`roles/preflight/library/preflight_members.py`)."""

    wanted: Mapping[str, Mapping[str, str]]
    """Component (and `cluster`) → name → address, in the inventory's order."""
    told: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Node → its answer; a node that gave none is left out."""
    removed: Mapping[str, str] = field(default_factory=dict)
    """Name → address of the hosts in the group `removed`."""
    leaving: Collection[str] = ()
    """Names of those that are being taken out just now."""
    left_out: Collection[str] = ()
    """Names of nodes that the play does not reach, because of --limit."""

    def key(self, component: str, host: str, address: str) -> str:
        """Return what the running component knows a host by."""
        return host if component in BY_NAME else address

    def name(self, component: str, member: str) -> str:
        """Return the host's name for a running component's member; the member itself for one that nobody knows."""
        everybody = {**self.wanted["cluster"], **self.removed}
        by_key = {self.key(component, name, address): name for name, address in everybody.items()}
        return by_key.get(member, member)

    def running(self, component: str) -> list[str]:
        """Return names of the members that the running component has; empty when nobody could tell."""
        told = [answer[component]["members"] or [] for answer in self.told.values()]
        return list(dict.fromkeys(self.name(component, m) for each in told for m in each if m))

    def holders(self, component: str) -> list[str]:
        """Return the nodes that have the component's data. What was left out is believed to have it."""
        members = set(self.wanted[component])
        asked = [host for host, answer in self.told.items() if answer[component]["data"]]
        return [host for host in (*asked, *self.left_out) if host in members]


def strangers(site: Members) -> Iterator[Problem]:
    """Members that run and that the inventory does not have: a line that was lost, or one that has to leave first."""
    for component in (*BY_NAME, "valkey"):
        for name in site.running(component):
            if name in site.wanted[component] or name in site.leaving:
                continue
            if name in site.removed:
                reason = "is in the group removed, and still takes part"
                fix = f"run {REMOVE}: it takes {name} out in the right order, dead or alive"
            else:
                reason = (
                    "takes part in the running cluster, and this inventory does not have it there"
                )
                fix = (
                    f"put {name} back into the group {component}; if it is to go, dead or alive, move it into the "
                    f"group removed (with its ansible_host) and run {REMOVE}"
                )
            yield Problem("lost_member", f"group {component}", name, reason, fix)


def layout(site: Members) -> Iterator[Problem]:
    """A store whose members are others than it was laid out over."""
    wanted = list(site.wanted["minio"].values())
    for laid_out in (answer["minio"]["members"] for answer in site.told.values()):
        # One member alone has its drives by their paths, and a site that has left MinIO has no members.
        if laid_out is None or not wanted or laid_out == (wanted if len(wanted) > 1 else []):
            continue
        before = [site.name("minio", address) for address in laid_out] or ["one member"]
        yield Problem(
            "store_layout",
            "group minio",
            listing(site.wanted["minio"]),
            f"the store was laid out over {listing(before)}, in this order: which drives an object is on follows from "
            "it. MinIO grows by whole pools of further members, which this kit does not do",
            f"put it back to {listing(before)}; a machine that is lost is replaced by an empty one of the same name "
            f"and address: {REPLACE}",
        )
        return


def quorum(site: Members) -> Iterator[Problem]:
    """Fewer members with data than decide: what empty ones found instead would be another, empty cluster."""
    for component, mend in (
        (
            "etcd",
            "the others have to come back with their disks; if all are lost, see playbooks/restore.yml",
        ),
        (
            "minio",
            "bring machines back with their drives; objects that are lost come from a backup",
        ),
    ):
        holders, members = site.holders(component), site.running(component)
        members = members or list(site.wanted[component])
        needed = len(members) // 2 + 1
        if not holders or len(set(holders) & set(members)) >= needed:
            continue
        yield Problem(
            "quorum",
            f"group {component}",
            listing(site.wanted[component]),
            f"only {listing(holders)} of {listing(members)} {'has' if len(holders) == 1 else 'have'} data, "
            f"{needed} are needed",
            f"{mend}. If a first deployment got stuck here and nothing is on these nodes yet: empty the data directory "
            f"of {component} on {listing(holders)}",
        )


def limited(site: Members) -> Iterator[Problem]:
    """A node that is new, while others that have to let it in are left out."""
    new = [host for host, answer in site.told.items() if not answer["installed"]]
    if new and site.left_out:
        yield Problem(
            "limit",
            "--limit",
            listing(site.told),
            f"{listing(new)} is not deployed yet, and {listing(site.left_out)} would not learn of it: their packet "
            "filters and member lists keep it out",
            "run it without --limit; what is right already is not changed",
        )


def problems(site: Members, skip: Collection[str] = ()) -> list[Problem]:
    """Return everything that is wrong with the members, all at once."""
    checks = (strangers, layout, quorum, limited)
    found = [problem for check in checks for problem in check(site)]
    return [problem for problem in dict.fromkeys(found) if problem.check not in skip]


def from_results(
    results: Mapping[str, Mapping[str, Any]],
    wanted: Mapping[str, Sequence[Mapping[str, str]]],
    removed: Sequence[Mapping[str, str]],
    leaving: Collection[str],
) -> Members:
    """Build `Members` from the registered results of preflight_members and lists of {name, address}."""

    def table(members: Sequence[Mapping[str, str]]) -> dict[str, str]:
        return {member["name"]: member["address"] for member in members}

    cluster = table(wanted["cluster"])
    return Members(
        wanted={
            component: table(wanted[component]) for component in ("cluster", *BY_NAME, *BY_ADDRESS)
        },
        told={host: result["members"] for host, result in results.items() if "members" in result},
        removed=table(removed),
        leaving=leaving,
        left_out=[host for host in cluster if host not in results],
    )
