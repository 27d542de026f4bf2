"""Hosts and groups: addresses, required groups, sizes that can lose a member."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from langflow_ha.preflight.model import (
    Problem,
    Site,
    contains_placeholder,
    listing,
    parse_address,
    whole,
)

GROUPS = (
    "cluster",
    "balancer",
    "langflow",
    "etcd",
    "postgresql",
    "valkey",
    "minio",
    "nfs_server",
    "monitoring",
)
REMOVED = "removed"
"""Hosts that are to leave, dead or alive, until they have left."""
HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

LARGEST_ETCD = 7
"""Every write waits for the majority; etcd's own documentation advises against more members."""

LOWEST_PRIORITY, HIGHEST_PRIORITY = 101, 214
"""Priority −100 (unfit) stays above 0, +40 (incumbent) below VRRP's 255."""


def host_names(site: Site) -> Iterator[Problem]:
    """Host names become names of members and servers, so they have to be DNS labels."""
    for host in site.hosts:
        if not HOSTNAME.fullmatch(host):
            yield Problem(
                "host_name",
                "inventory_hostname",
                host,
                "is not a plain lower-case host name, which members of the cluster are named by",
                "use letters a-z, digits and hyphens only; put the address into ansible_host",
            )


def membership(site: Site) -> Iterator[Problem]:
    """Hosts in a component's group that the cluster does not know, and misspelt groups."""
    cluster = set(site.members("cluster"))
    for group in GROUPS[1:]:
        for host in site.members(group):
            if cluster and host not in cluster:
                yield Problem(
                    "membership",
                    f"group {group}",
                    host,
                    f"{host} is in {group} but not in cluster, so it would get no base "
                    "configuration and no firewall",
                    f"add {host} to the group cluster",
                )
    for group in GROUPS:
        for host in set(site.members(group)) & set(site.members(REMOVED)):
            yield Problem(
                "membership",
                f"group {REMOVED}",
                host,
                f"{host} is to leave, and in {group} too",
                f"take {host} out of every other group; is it to stay, out of {REMOVED}",
            )
    for group in sorted(set(site.groups) - {*GROUPS, REMOVED, "all", "ungrouped"}):
        close = get_close_matches(group, GROUPS, n=1, cutoff=0.75)
        if close and not site.members(close[0]):
            yield Problem(
                "membership",
                f"group {group}",
                listing(site.members(group)),
                "no component goes by this group name",
                f"did you mean {close[0]}?",
            )


def _needed(site: Site) -> Iterator[tuple[str, int, str]]:
    """Yield (group, fewest members, why) for what this site's settings ask for."""
    yield "cluster", 1, "the cluster has no node"
    yield "balancer", 2, "with fewer than two balancers the virtual IP cannot move"
    yield "langflow", 2, "with fewer than two LangFlow nodes none can be lost"
    yield "postgresql", 2, "with fewer than two database nodes there is no standby"
    yield "etcd", 3, "with fewer than three etcd members none can be lost"
    if site.value("langflow_ha_mode") == "active_active":
        why = "active_active shares queue and cache in Valkey, whose Sentinels need a majority"
        yield "valkey", 3, why
    if site.value("storage_backend") == "minio":
        yield (
            "minio",
            3,
            "with fewer than three MinIO nodes files are lost or read-only with one node",
        )


def sizes(site: Site) -> Iterator[Problem]:
    """Groups that are empty or too small, and voters that cannot form a better majority."""
    for group, fewest, why in _needed(site):
        members = site.members(group)
        if len(members) < fewest:
            yield Problem(
                "sizes",
                f"group {group}",
                listing(members),
                f"{why} (found {len(members)}, needed {fewest})",
                f"put at least {fewest} host{'s' if fewest > 1 else ''} into the group {group}",
            )
    for group, voter in (("etcd", "etcd member"), ("valkey", "Sentinel")):
        count = len(site.members(group))
        if count and count % 2 == 0:
            yield Problem(
                "sizes",
                f"group {group}",
                listing(site.members(group)),
                f"{count} is an even number of {voter}s: it survives no more losses than "
                f"{count - 1}, and a split in the middle stops both halves",
                f"add one or take one away; a small witness node will do as the extra {voter}",
            )
    if len(site.members("etcd")) > LARGEST_ETCD:
        yield Problem(
            "sizes",
            "group etcd",
            listing(site.members("etcd")),
            f"more than {LARGEST_ETCD} etcd members make every write slower and nothing safer",
            "use three or five",
        )
    if len(site.members("cluster")) == 2:
        yield Problem(
            "sizes",
            "group cluster",
            listing(site.members("cluster")),
            "two nodes cannot tell a dead partner from a cut cable",
            "add a witness node (etcd and Sentinel only) as inventories/minimal shows",
        )


def addresses(site: Site) -> Iterator[Problem]:
    """Addresses that are missing, malformed, useless to other nodes, or used twice."""
    owners: dict[str, list[str]] = {}
    for host, variables in site.hosts.items():
        name = "cluster_address" if variables.get("cluster_address") else "ansible_host"
        value = variables.get(name)
        if contains_placeholder(value):
            continue
        if not value:
            yield Problem(
                "address",
                f"ansible_host of {host}",
                "",
                "the host has neither ansible_host nor cluster_address",
                f"set ansible_host of {host} to its IP address in hosts.yml",
            )
            continue
        address = parse_address(value)
        if address is None:
            yield Problem(
                "address",
                f"{name} of {host}",
                str(value),
                "is not an IP address; a name would put DNS between the cluster's members",
                "use the address; if ansible_host has to be a name, set cluster_address beside it",
            )
        elif address.is_loopback or address.is_unspecified or address.is_multicast:
            yield Problem(
                "address",
                f"{name} of {host}",
                str(value),
                "other nodes cannot reach this address",
                "use the address that the node has in the cluster's network",
            )
        else:
            owners.setdefault(str(address), []).append(host)
    for address_text, hosts in owners.items():
        if len(hosts) > 1:
            yield Problem(
                "address",
                "cluster_address",
                address_text,
                f"is the address of {listing(hosts)} at once",
                "give each host its own address",
            )


def families(site: Site) -> Iterator[Problem]:
    """Members that speak different IP versions to each other."""
    found = {host: site.address(host) for host in site.members("cluster")}
    versions = {address.version for address in found.values() if address is not None}
    if len(versions) > 1:
        sixes = [host for host, address in found.items() if address and address.version == 6]
        yield Problem(
            "address",
            "cluster_address",
            listing(f"{host} {address}" for host, address in found.items()),
            "some nodes have an IPv4 and some an IPv6 cluster address",
            f"give {listing(sixes)} an IPv4 address, or all of them IPv6 ones",
        )


def priorities(site: Site) -> Iterator[Problem]:
    """VRRP priorities out of range or given twice."""
    owners: dict[int, list[str]] = {}
    for host in site.members("balancer"):
        raw = site.hosts[host].get("vip_base_priority")
        if raw in (None, "", 0) or contains_placeholder(raw):
            continue
        value = whole(raw)
        if value is None or not LOWEST_PRIORITY <= value <= HIGHEST_PRIORITY:
            yield Problem(
                "priority",
                f"vip_base_priority of {host}",
                str(raw),
                f"has to be between {LOWEST_PRIORITY} and {HIGHEST_PRIORITY}, so that the health "
                "agent's weights keep it within VRRP's range",
                "choose one in that range, or remove it and let the order in the inventory decide",
            )
        else:
            owners.setdefault(value, []).append(host)
    for value, hosts in owners.items():
        if len(hosts) > 1:
            yield Problem(
                "priority",
                "vip_base_priority",
                str(value),
                f"is the priority of {listing(hosts)} at once, so both would claim the virtual IP",
                "give each balancer its own priority",
            )


CHECKS = (host_names, membership, sizes, addresses, families, priorities)
