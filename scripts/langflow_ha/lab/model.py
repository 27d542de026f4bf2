"""What a lab is: its nodes, addresses and groups. Pure data, no I/O."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from langflow_ha import ROOT

LABS = ROOT / ".lab"
CONTAINER, VM = "container", "vm"
GROUPS = ("balancer", "langflow", "etcd", "postgresql", "valkey", "minio")
# User-mode Linux makes system calls slow: what LangFlow does at its start would take it minutes, and balancers
# without LangFlow have nothing to balance.
VM_GROUPS = ("etcd", "postgresql")
MONITORS = 2
"""Nodes of a standard lab that watch the others."""
SHARED_GROUPS = tuple(group for group in GROUPS if group != "minio")
SHARED_OWNER = 860
"""Number of the user and of the group that the shared directory belongs to."""
TOPOLOGIES = ("standard", "tiers", "shared", "vms", "nfs", "s3")
RELEASES = {"debian13": "trixie", "debian12": "bookworm"}
SHARE = "/srv/langflow"
FIRST_NODE = 11
VIP = 100
STORE, STORE_PORT = 200, 7070
"""Where an object store that is no node of the lab is expected (topology s3); who wants one starts it there."""
MEMORY, LEAST_MEMORY = 1536, 256
"""MiB of a VM: what it gets, and the least."""
BACKUPS = "/srv/langflow-backup"
"""Where storage that is no node's own is mounted on every node, as a filer would be."""
ADDED_GROUPS = ("balancer", "langflow", "postgresql")
"""What a further node is: voters and stores keep their number."""
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


class LabError(Exception):
    """The lab cannot do what was asked; the text says why and what to do."""


@dataclass(frozen=True)
class NodeSpec:
    """One node: `os` is a key of RELEASES, addresses are without a prefix length."""

    name: str
    os: str
    groups: tuple[str, ...]
    container: str
    address: str
    address6: str
    kind: str = CONTAINER
    """A container shares the kernel of this machine; a VM has one of its own, and runs in a container."""
    memory: int = 0
    """MiB that a VM sees; 0 for a container, which takes what it needs."""


@dataclass(frozen=True)
class Lab:
    """One lab. Networks are in CIDR form, VIPs are bare addresses."""

    name: str
    topology: str
    mode: str
    subnet: str
    subnet6: str
    vip: str
    vip6: str
    nodes: tuple[NodeSpec, ...]

    @property
    def directory(self) -> Path:
        """Where everything of this lab is kept."""
        return LABS / self.name

    @property
    def network(self) -> str:
        """Name of the lab's network in the container engine."""
        return f"lfha-{self.name}"

    @property
    def inventory(self) -> Path:
        """Inventory directory for ansible-playbook."""
        return self.directory / "inventory"

    @property
    def vault_password_file(self) -> Path:
        """File for ANSIBLE_VAULT_PASSWORD_FILE."""
        return self.directory / "vault-password"

    @property
    def ca_file(self) -> Path:
        """The site's CA certificate: what a client has to trust."""
        return self.directory / "ca.crt"

    @property
    def credentials_file(self) -> Path:
        """Name and password of LangFlow's superuser, as `name=value` lines."""
        return self.directory / "credentials"

    @property
    def ssh_key(self) -> Path:
        """Private key that opens root's account on the nodes."""
        return self.directory / "ssh" / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """Host keys of the nodes, made here, so nothing is trusted on first use."""
        return self.directory / "ssh" / "known_hosts"

    @property
    def shared_files(self) -> Path | None:
        """Directory on this machine that every node has at SHARE; None in labs without one."""
        return self.directory / "files" if self.topology == "shared" else None

    @property
    def store_address(self) -> str:
        """Address in the lab's network that is kept for an object store of somebody else."""
        return str(ipaddress.ip_network(self.subnet).network_address + STORE)

    @property
    def store_ca_file(self) -> Path:
        """Certificate of the authority that this store's own is from."""
        return self.directory / "store" / "ca.crt"

    @property
    def url(self) -> str:
        """Where users find LangFlow."""
        return f"https://{self.vip}/"

    def node(self, name: str) -> NodeSpec:
        """Return the node of that name; LabError when there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        names = ", ".join(node.name for node in self.nodes)
        raise LabError(f"lab {self.name} has no node {name!r}; its nodes are {names}")

    def info(self) -> dict[str, Any]:
        """Return what `lab info --json` prints: the interface for drills, demo and tests."""
        return {
            "name": self.name,
            "topology": self.topology,
            "mode": self.mode,
            "subnet": self.subnet,
            "subnet6": self.subnet6,
            "network": self.network,
            "vip": self.vip,
            "vip6": self.vip6,
            "nodes": [{**asdict(node), "groups": list(node.groups)} for node in self.nodes],
            "directory": str(self.directory),
            "inventory": str(self.inventory),
            "vault_password_file": str(self.vault_password_file),
            "ssh_key": str(self.ssh_key),
            "known_hosts": str(self.known_hosts),
            "url": self.url,
            "credentials_file": str(self.credentials_file),
            "ca_file": str(self.ca_file),
        }


def from_info(info: Mapping[str, Any]) -> Lab:
    """Build a lab from the content of its lab.json."""
    nodes = tuple(
        NodeSpec(
            name=node["name"],
            os=node["os"],
            groups=tuple(node["groups"]),
            container=node["container"],
            address=node["address"],
            address6=node["address6"],
            kind=node.get("kind", CONTAINER),
            memory=node.get("memory", 0),
        )
        for node in info["nodes"]
    )
    return Lab(
        name=info["name"],
        topology=info["topology"],
        mode=info["mode"],
        subnet=info["subnet"],
        subnet6=info["subnet6"],
        vip=info["vip"],
        vip6=info["vip6"],
        nodes=nodes,
    )


def default_subnet6(subnet: str) -> str:
    """Return the IPv6 network that goes with an IPv4 one: 198.18.10.0/24 -> fd00:198:18:10::/64."""
    first, second, third, _ = str(ipaddress.IPv4Network(subnet).network_address).split(".")
    return f"fd00:{first}:{second}:{third}::/64"


@dataclass(frozen=True)
class _Place:
    """One node of a topology, before it has addresses."""

    name: str
    os: str
    groups: tuple[str, ...]
    kind: str = CONTAINER


def _layout(topology: str, nodes: int, systems: Sequence[str]) -> list[_Place]:
    """Return the nodes of a topology."""
    if topology == "tiers":
        if systems:
            raise LabError("topology 'tiers' fixes the operating systems; leave --os out")
        # Without Valkey: one serving LangFlow needs no shared queue.
        state = ("etcd", "postgresql", "minio")
        front = ("balancer", "langflow")
        return [
            _Place("db1", "debian13", state),
            _Place("app1", "debian12", front),
            _Place("app2", "debian12", front),
        ]
    if topology == "nfs":
        system = systems[0] if systems else "debian13"
        if len(systems) > 1:
            raise LabError("topology 'nfs' has one operating system; give --os once")
        return [
            _Place("app1", system, ("langflow",), VM),
            _Place("app2", system, ("langflow",), VM),
            _Place("nfs1", system, ("nfs_server",), VM),
        ]
    if topology == "s3":
        return [_Place("n1", systems[0] if systems else "debian13", SHARED_GROUPS)]
    if topology not in TOPOLOGIES:
        raise LabError(f"unknown topology {topology!r}; there are {', '.join(TOPOLOGIES)}")
    if not 1 <= nodes <= 9:
        raise LabError(f"--nodes {nodes}: a lab has 1 to 9 nodes")
    wanted = list(systems) or ["debian13"]
    if len(wanted) == 1:
        wanted *= nodes
    if len(wanted) != nodes:
        raise LabError(
            f"--os was given {len(wanted)} times for {nodes} nodes; give it once or {nodes} times"
        )
    groups, kind = {
        "vms": (VM_GROUPS, VM),
        "shared": (SHARED_GROUPS, CONTAINER),
    }.get(topology, (GROUPS, CONTAINER))
    watching = MONITORS if topology == "standard" else 0
    return [
        _Place(f"n{i}", system, (*groups, "monitoring") if i <= watching else groups, kind)
        for i, system in enumerate(wanted, start=1)
    ]


def _spec(
    lab: str,
    network: ipaddress.IPv4Network,
    network6: ipaddress.IPv6Network,
    index: int,
    place: _Place,
    memory: int,
) -> NodeSpec:
    host = FIRST_NODE + index
    return NodeSpec(
        name=place.name,
        os=place.os,
        groups=place.groups,
        container=f"lfha-{lab}-{place.name}",
        address=str(network.network_address + host),
        # The same digits as in IPv4: …::11 belongs to .11, whatever the base.
        address6=str(network6.network_address + int(str(host), 16)),
        kind=place.kind,
        memory=memory if place.kind == VM else 0,
    )


def with_added_node(lab: Lab) -> Lab:
    """Return a lab with one container more, of the groups that may grow; LabError where nothing can be added."""
    if lab.topology != "standard":
        raise LabError(
            f"lab {lab.name} is of topology {lab.topology!r}; nodes are added to 'standard'"
        )
    index = len(lab.nodes)
    place = _Place(f"n{index + 1}", lab.nodes[0].os, ADDED_GROUPS)
    networks = ipaddress.IPv4Network(lab.subnet), ipaddress.IPv6Network(lab.subnet6)
    return replace(lab, nodes=(*lab.nodes, _spec(lab.name, *networks, index, place, memory=0)))


def without_node(lab: Lab, name: str) -> Lab:
    """Return a lab without a node that was added: the last one; LabError for another."""
    node = lab.node(name)
    if node is not lab.nodes[-1] or node.groups != ADDED_GROUPS:
        raise LabError(f"{name} was not added last; `lab replace` loses a node, `lab down` all")
    return replace(lab, nodes=lab.nodes[:-1])


def plan(
    name: str,
    topology: str = "standard",
    subnet: str = "198.18.10.0/24",
    nodes: int = 3,
    systems: Sequence[str] = (),
    mode: str = "",
    memory: int = MEMORY,
) -> Lab:
    """Work out a lab from the options of `lab up`; LabError names the option that cannot be met."""
    if not _NAME.fullmatch(name):
        raise LabError(
            f"--name {name!r}: use lower-case letters, digits and inner dashes, at most 32"
        )
    try:
        network = ipaddress.IPv4Network(subnet)
    except ValueError as error:
        raise LabError(f"--subnet {subnet!r}: {error}") from error
    if network.prefixlen > 24:
        raise LabError(f"--subnet {subnet}: a lab needs a /24 or larger")
    network6 = ipaddress.IPv6Network(default_subnet6(subnet))
    mode = mode or ("active_standby" if topology == "tiers" else "active_active")
    if mode not in ("active_active", "active_standby"):
        raise LabError(f"--mode {mode!r}: it is active_active or active_standby")
    if memory < LEAST_MEMORY:
        raise LabError(f"--memory {memory}: a VM needs at least {LEAST_MEMORY} MiB")
    specs = []
    for index, place in enumerate(_layout(topology, nodes, systems)):
        if place.os not in RELEASES:
            raise LabError(f"--os {place.os!r}: there are {', '.join(RELEASES)}")
        specs.append(_spec(name, network, network6, index, place, memory))
    return Lab(
        name=name,
        topology=topology,
        mode=mode,
        subnet=str(network),
        subnet6=str(network6),
        vip=str(network.network_address + VIP),
        vip6=str(network6.network_address + int(str(VIP), 16)),
        nodes=tuple(specs),
    )
