"""Settings: versions, networks, and what does not belong into production."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network
from urllib.parse import urlsplit

from langflow_ha.preflight.checks.names import shown
from langflow_ha.preflight.model import (
    Problem,
    Site,
    Unset,
    contains_placeholder,
    parse_address,
)

SITE_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
# 1.13.0, 17, v3.5.21, 3.0.0-rc.1, RELEASE.2026-09-07T16-13-09Z, 8.1.3-1+deb13u1
PINNED = re.compile(r"([A-Za-z]+\.)?v?\d[0-9A-Za-z.:_+~-]*(?<!\.x)")
LANGFLOW = re.compile(r"\d+\.\d+\.\d+((a|b|rc|\.post|\.dev)\d+)?")
MOVING = {"latest", "stable", "main", "master", "edge", "nightly", "lts", "newest", "current"}
SIZE = re.compile(r"\d+(\.\d+)?[KMGT]?")
HIGHEST_BOUND = 95
"""Percent. Nearer to its limit LangFlow is slowed down before its restart is due."""
FEWEST_SURVIVORS = 2
"""Of three: a majority. One alone has none, and cannot know whether it is the one that is cut off."""


def site_name(site: Site) -> Iterator[Problem]:
    """The site's name is the database cluster's scope and part of etcd keys."""
    name = site.value("site_name")
    if name is not None and not SITE_NAME.fullmatch(name):
        yield Problem(
            "site_name",
            "site_name",
            shown("site_name", name),
            "is used in names of services and keys, so it is a lower-case word",
            "use up to 31 of a-z, 0-9 and hyphens, starting with a letter",
        )


def versions(site: Site) -> Iterator[Problem]:
    """Versions that mean something else tomorrow."""
    seen: set[tuple[str, str]] = set()
    for variables in site.hosts.values():
        for name, value in variables.items():
            if (
                not name.endswith("_version")
                or name.startswith("ansible_")
                or not isinstance(value, str | int | float)
                or contains_placeholder(value)
                or (name, str(value)) in seen
            ):
                continue
            seen.add((name, str(value)))
            text = str(value).strip()
            fix = "name one release in full, such as 1.13.0"
            if text.lower() in MOVING:
                yield Problem(
                    "version",
                    name,
                    text,
                    "is a moving target: two nodes installed on different days would differ",
                    fix,
                )
            elif name == "langflow_version" and not LANGFLOW.fullmatch(text):
                yield Problem("version", name, shown(name, text), "is not one release", fix)
            elif text and not PINNED.fullmatch(text):
                yield Problem(
                    "version", name, text, "is not one release but a range or a word", fix
                )


def bad_url(text: str) -> bool:
    """Tell whether a text is anything but a URL with http or https."""
    try:
        parts = urlsplit(text)
        return parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0
    except ValueError:
        return True


def urls(site: Site) -> Iterator[Problem]:
    """Settings that have to be URLs."""
    for name in (
        "apt_mirror",
        "apt_security_mirror",
        "http_proxy_url",
        "external_s3_endpoint",
        "backup_s3_endpoint",
        "alert_slack_url",
        "alert_deadman_url",
    ):
        value = site.value(name)
        if value and bad_url(value):
            yield Problem(
                "url",
                name,
                shown(name, value),
                "is not a URL that starts with http:// or https://",
                site.specs.site[name].description,
            )


def networks(site: Site) -> Iterator[Problem]:
    """Lists of networks that the firewall is made from."""
    for name in ("client_networks", "operator_networks"):
        value = site.value(name)
        if name == "client_networks" and value == []:
            yield Problem(
                "network",
                name,
                "[]",
                "nobody could use the service",
                "list the networks of its users, or remove it to admit all",
            )
        for item in value or []:
            try:
                ip_network(str(item))
            except ValueError as error:
                detail = str(error).replace(repr(str(item)), "it").replace(str(item), "it")
                yield Problem(
                    "network",
                    name,
                    str(item),
                    f"is not a network in CIDR notation: {detail}",
                    "write it like 198.18.0.0/16 or fd00:198::/32",
                )


def package_sources(site: Site) -> Iterator[Problem]:
    """With an archive of packages a mirror would never be asked."""
    for name in ("apt_mirror", "apt_security_mirror"):
        if site.value("packages_from_archive") is True and site.value(name):
            yield Problem(
                "packages",
                name,
                shown(name, site.value(name)),
                "is never asked while packages_from_archive is true",
                "empty it, or set packages_from_archive to false",
            )


def time_servers(site: Site) -> Iterator[Problem]:
    """Time servers are names or addresses, not URLs."""
    for server in site.value("ntp_servers") or []:
        text = str(server)
        if not parse_address(text) and not re.fullmatch(r"[A-Za-z0-9.-]+", text):
            yield Problem(
                "ntp",
                "ntp_servers",
                text,
                "is neither a host name nor an address",
                "list names or addresses only; options are the kit's",
            )


def fast_failover(site: Site) -> Iterator[Problem]:
    """Asked for where the survivors of a lost host could not be sure, or have no majority."""
    if site.raw("fast_failover") is Unset or site.value("fast_failover") is not True:
        return
    for group in ("etcd", "cluster"):
        count = len(site.members(group))
        if 0 < count < FEWEST_SURVIVORS + 1:
            yield Problem(
                "fast_failover",
                "fast_failover",
                "true",
                f"with {count} host{'s' if count > 1 else ''} in the group {group} nobody is left "
                "who could tell a dead host from a cut cable",
                f"have at least {FEWEST_SURVIVORS + 1} there, or set fast_failover to false",
            )


def further_addresses(site: Site) -> Iterator[Problem]:
    """Further addresses of a node are addresses, and its own."""
    main = {str(site.address(host)) for host in site.hosts if site.address(host)}
    for host, variables in site.hosts.items():
        for item in variables.get("cluster_further_addresses") or []:
            address = parse_address(item)
            if address is None or str(address) in main:
                yield Problem(
                    "further_addresses",
                    f"cluster_further_addresses of {host}",
                    str(item),
                    "is not an IP address" if address is None else "is a node's cluster address",
                    "list the other addresses of this very node, or remove it",
                )


def memory_bound(site: Site) -> Iterator[Problem]:
    """The bound of gentle restarts is a share of what the kernel slows LangFlow down at."""
    names = {"health_agent_recycle_percent": "health_agent", "langflow_memory_high": "langflow"}
    for variables in site.hosts.values():
        percent, high = (
            variables.get(name, site.specs.roles[role]["main"][name].default)
            for name, role in names.items()
        )
        if not re.fullmatch(r"\d+", str(percent)) or int(percent) > HIGHEST_BOUND:
            yield Problem(
                "memory_bound",
                "health_agent_recycle_percent",
                str(percent),
                f"is not from 0 to {HIGHEST_BOUND}",
                "set the share of langflow_memory_high above which LangFlow is restarted gently, or 0 for never",
            )
        elif int(percent) and not SIZE.fullmatch(str(high)):
            yield Problem(
                "memory_bound",
                "langflow_memory_high",
                str(high),
                "has no number of bytes that a bound for gentle restarts could be a share of",
                "write it like 3G, or set health_agent_recycle_percent to 0",
            )


def production(site: Site) -> Iterator[Problem]:
    """Settings that suit a laboratory but not a site that people depend on."""
    if site.value("site_environment") != "production":
        return
    fix_end = "; or set site_environment to test if this is a laboratory"
    if site.value("firewall_enabled") is False:
        yield Problem(
            "production",
            "firewall_enabled",
            "false",
            "databases, queue and inner ports would be open to every network",
            "set it to true" + fix_end,
        )
    if site.value("time_sync_enabled") is False and not site.value("ntp_servers"):
        yield Problem(
            "production",
            "time_sync_enabled",
            "false",
            "leases and certificates go wrong when clocks drift apart",
            "set it to true" + fix_end,
        )
    for network in site.value("operator_networks") or []:
        if str(network) in {"0.0.0.0/0", "::/0"}:
            yield Problem(
                "production",
                "operator_networks",
                str(network),
                "SSH and the inner ports would be open to everyone",
                "list the networks of your administrators" + fix_end,
            )
    endpoint = site.value("external_s3_endpoint") or ""
    if site.value("storage_backend") == "s3" and endpoint.startswith("http://"):
        yield Problem(
            "production",
            "external_s3_endpoint",
            endpoint,
            "files and keys would cross the network in clear text",
            "use https://" + fix_end,
        )


CHECKS = (
    site_name,
    versions,
    urls,
    networks,
    package_sources,
    time_servers,
    fast_failover,
    further_addresses,
    memory_bound,
    production,
)
