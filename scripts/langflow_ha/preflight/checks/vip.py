"""Virtual addresses: well-formed, in the balancers' subnet, nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

from langflow_ha.preflight.model import Problem, Site, listing, parse_address

Interface = IPv4Interface | IPv6Interface
FQDN = re.compile(
    r"(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z][A-Za-z0-9-]*"
)
EXAMPLES = {4: "198.18.10.100/24", 6: "fd00:198:18:10::100/64"}


def _vips(site: Site) -> Iterator[tuple[str, str, int]]:
    """Yield (variable, text, IP version) of the virtual addresses that are set."""
    for variable, version in (("vip_ipv4", 4), ("vip_ipv6", 6)):
        text = site.value(variable)
        if text:
            yield variable, text, version


def _parse(text: str, version: int) -> Interface | None:
    try:
        interface = ip_interface(text)
    except ValueError:
        return None
    return interface if interface.version == version and "/" in text else None


def parsed(site: Site) -> dict[str, Interface]:
    """Return the valid virtual addresses by variable."""
    found = {variable: _parse(text, version) for variable, text, version in _vips(site)}
    return {variable: interface for variable, interface in found.items() if interface}


def well_formed(site: Site) -> Iterator[Problem]:
    """Text that is no address with prefix, and addresses that cannot be a host's."""
    for variable, text, version in _vips(site):
        interface = _parse(text, version)
        if interface is None:
            yield Problem(
                "vip",
                variable,
                text,
                f"is not an IPv{version} address with prefix length",
                f"write it like {EXAMPLES[version]}",
            )
            continue
        address, network = interface.ip, interface.network
        if address.is_multicast or address.is_loopback or address.is_unspecified:
            reason = "is not an address that a node can hold for others to reach"
        elif network.prefixlen == network.max_prefixlen:
            reason = f"has the prefix /{network.prefixlen}, so no node can be in its subnet"
        elif address == network.network_address:
            reason = f"is the network address of {network}"
        elif version == 4 and address == network.broadcast_address:
            reason = f"is the broadcast address of {network}"
        else:
            continue
        yield Problem(
            "vip", variable, text, reason, "choose a free address in the balancers' subnet"
        )


def not_a_nodes(site: Site) -> Iterator[Problem]:
    """A virtual address that a node has as its own."""
    for variable, interface in parsed(site).items():
        for host in site.hosts:
            own = {site.address(host), parse_address(site.hosts[host].get("ansible_host"))}
            if interface.ip in own:
                yield Problem(
                    "vip",
                    variable,
                    str(interface),
                    f"is also the address of {host}",
                    "choose an address that no machine has",
                )


def in_subnet(site: Site) -> Iterator[Problem]:
    """A virtual address outside the subnet that the balancers' addresses are in."""
    for variable, interface in parsed(site).items():
        if interface.network.prefixlen == interface.network.max_prefixlen:
            continue
        outside = [
            f"{host} {address}"
            for host in site.members("balancer")
            if (address := site.address(host)) is not None
            and address.version == interface.version
            and address not in interface.network
        ]
        if outside:
            yield Problem(
                "vip_subnet",
                variable,
                str(interface),
                f"its subnet {interface.network} does not hold the address of {listing(outside)}, "
                "so the network would not deliver to the virtual address there",
                "choose the virtual address and its prefix from the balancers' subnet, "
                "or move these balancers into it",
            )


def router_id(site: Site) -> Iterator[Problem]:
    """A VRRP router id that does not fit into its one byte."""
    value = site.value("vip_router_id")
    if value is not None and not 1 <= value <= 255:
        yield Problem(
            "router_id",
            "vip_router_id",
            str(value),
            "a VRRP router id is between 1 and 255",
            "choose one that no other VRRP pair in this subnet uses",
        )


def public_name(site: Site) -> Iterator[Problem]:
    """A name for users that is no host name, or an address that is not the VIP."""
    name = site.value("vip_fqdn")
    if not name:
        return
    address = parse_address(name)
    if address is not None:
        own = [interface.ip for interface in parsed(site).values()]
        if own and address not in own:
            yield Problem(
                "vip_name",
                "vip_fqdn",
                name,
                f"is an address, but not a virtual one ({listing(str(vip) for vip in own)})",
                "use the name that users type, or leave it empty",
            )
    elif not FQDN.fullmatch(name):
        yield Problem(
            "vip_name",
            "vip_fqdn",
            name,
            "is not a host name",
            "write the bare name, without https:// and path, such as langflow.example.org",
        )


def between_sites(sites: Sequence[Site]) -> Iterator[Problem]:
    """Two sites in one inventory that would fight over an address or a VRRP router id."""
    for index, one in enumerate(sites):
        for other in sites[index + 1 :]:
            for variable, interface in parsed(one).items():
                rival = parsed(other).get(variable)
                if rival is None:
                    continue
                if interface.ip == rival.ip:
                    yield Problem(
                        "vip_clash",
                        variable,
                        str(interface),
                        f"is the virtual address of the sites {one.name} and {other.name} at once",
                        "give each site its own",
                    )
                shared = one.value("vip_router_id")
                if (
                    variable == "vip_ipv4"
                    and interface.network.overlaps(rival.network)
                    and shared is not None
                    and shared == other.value("vip_router_id")
                ):
                    yield Problem(
                        "vip_clash",
                        "vip_router_id",
                        str(shared),
                        f"the sites {one.name} and {other.name} share the subnet "
                        f"{interface.network} and this router id, so each would take the other's "
                        "adverts for its own",
                        "give each site its own router id",
                    )


CHECKS = (well_formed, not_a_nodes, in_subnet, router_id, public_name)
