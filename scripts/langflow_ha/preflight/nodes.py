"""Level B: judge what was observed on the nodes. Pure: observations in, problems out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from ipaddress import ip_address, ip_interface
from typing import Any

from langflow_ha.preflight.model import Problem, listing

LOOPBACK, ANY, OWN = "loopback", "any", "own"


@dataclass(frozen=True)
class Port:
    """A TCP port that a component listens on: where, and which units may already have it."""

    number: int
    where: str
    units: tuple[str, ...]
    in_kernel: bool = False
    """The kernel listens itself: no process has the socket, and so no unit."""


_LANGFLOW = ("langflow.service", "langflow@*.service")
_PROXY = ("backend-proxy.service",)
_VALKEY = ("valkey*.service", "redis*.service")
_TRACES = ("langflow-ha-traces.service",)
_AGENT = ("langflow-ha-agent.service",)

PORTS: dict[str, tuple[Port, ...]] = {
    "cluster": (
        Port(7950, OWN, _AGENT),
        Port(7951, OWN, _AGENT),
        Port(7956, OWN, ("langflow-ha-ship.service",)),
        Port(9100, OWN, ("prometheus-node-exporter.service", "node_exporter.service")),
    ),
    "balancer": (
        Port(80, ANY, ("haproxy.service",)),
        Port(443, ANY, ("haproxy.service",)),
        Port(8404, OWN, ("haproxy.service",)),
        Port(8404, LOOPBACK, ("haproxy.service",)),
    ),
    "langflow": (
        Port(7860, OWN, _LANGFLOW),
        Port(9190, OWN, _LANGFLOW),
        Port(5432, LOOPBACK, _PROXY),
        Port(6379, LOOPBACK, _PROXY),
        Port(9010, LOOPBACK, _PROXY),
        Port(8405, OWN, _PROXY),
        Port(8405, LOOPBACK, _PROXY),
    ),
    "etcd": (Port(2379, OWN, ("etcd.service",)), Port(2380, OWN, ("etcd.service",))),
    "postgresql": (Port(5432, OWN, ("patroni*.service",)), Port(8008, OWN, ("patroni*.service",))),
    "valkey": (Port(6379, OWN, _VALKEY), Port(26379, OWN, _VALKEY)),
    "minio": (Port(9000, OWN, ("minio.service",)),),
    "monitoring": (
        Port(9090, OWN, ("prometheus.service",)),
        Port(9093, OWN, ("prometheus-alertmanager.service",)),
        Port(9094, OWN, ("prometheus-alertmanager.service",)),
        Port(9096, LOOPBACK, ("langflow-ha-prometheus-long.service",)),
        Port(9115, LOOPBACK, ("prometheus-blackbox-exporter.service",)),
        Port(9428, OWN, ("langflow-ha-log-gate.service",)),
        Port(9429, LOOPBACK, ("langflow-ha-log-store.service",)),
    ),
    "traces": (
        Port(4318, OWN, _TRACES),
        Port(4318, LOOPBACK, _TRACES),
        Port(7957, OWN, _TRACES),
        Port(7957, LOOPBACK, _TRACES),
    ),
    "nfs_server": (Port(2049, OWN, ("nfs-server.service",), in_kernel=True),),
}
"""Every inner and outer port of the kit, by the component that opens it."""


@dataclass(frozen=True)
class Node:
    """One node: what it shall be (`node`, the role's variables) and what was seen of it."""

    node: Mapping[str, Any] = field(default_factory=dict)
    seen: Mapping[str, Any] = field(default_factory=dict)
    time: float = 0.0
    before: float = 0.0
    after: float = 0.0
    error: str = ""
    unreachable: bool = False

    @property
    def components(self) -> list[str]:
        """What runs on the node."""
        return list(dict.fromkeys(self.node.get("components", [])))

    @property
    def offset(self) -> float:
        """Estimate how far the node's clock is ahead of the controller's, in seconds."""
        return self.time - (self.before + self.after) / 2

    @property
    def uncertainty(self) -> float:
        """How wrong `offset` can be either way, in seconds: the observation took that long."""
        return (self.after - self.before) / 2

    def addresses(self) -> Iterator[tuple[str, str]]:
        """Yield (interface, address with prefix)."""
        for interface in self.seen.get("interfaces", []):
            for address in interface["addresses"]:
                yield interface["name"], address

    def holds(self, address: str) -> str:
        """Return the interface that carries `address`, "" when none does."""
        for interface, text in self.addresses():
            if ip_interface(text).ip == ip_address(address):
                return interface
        return ""


def from_result(result: Mapping[str, Any]) -> Node:
    """Turn the registered result of preflight_node into a Node."""
    if result.get("unreachable"):
        return Node(unreachable=True, error=str(result.get("msg", "")))
    if "observation" not in result:
        message = result.get("msg") or result.get("module_stderr") or "no observation was made"
        return Node(node=result.get("node", {}), error=str(message))
    return Node(
        node=result["node"],
        seen=result["observation"],
        time=float(result["time"]),
        before=float(result["before"]),
        after=float(result["after"]),
    )


def reachable(host: str, node: Node) -> Iterator[Problem]:
    """Nodes that did not answer, or could not be observed."""
    detail = " ".join(node.error.split())[:300]
    if node.unreachable:
        yield Problem(
            "reachable",
            f"ansible_host of {host}",
            "",
            f"{host} cannot be reached: {detail}",
            f"check address, SSH key and firewall; try: ansible {host} -m ping",
        )
    elif node.error:
        yield Problem(
            "reachable",
            host,
            "",
            f"{host} could not be examined: {detail}",
            f"see what fails there: ansible {host} -m ansible.builtin.setup -b (Python 3.11 or "
            "newer, and root rights, are needed)",
        )


def system(host: str, node: Node) -> Iterator[Problem]:
    """Distribution and release, as each component needs it."""
    found = node.seen["os"]
    if found["id"] != "debian":
        yield Problem(
            "os", f"operating system of {host}", found["name"], "is not Debian", "use Debian 13"
        )
        return
    allowed = node.node["os_releases"]
    for component in node.components:
        releases = allowed.get(component, allowed["default"])
        if found["codename"] not in releases:
            yield Problem(
                "os",
                f"operating system of {host}",
                found["name"] or found["codename"],
                f"{component} needs Debian {' or '.join(releases)}",
                f"install that release, or take {host} out of the group {component}",
            )


def _need(node: Node, table: str) -> int:
    return sum(int(node.node[table].get(component, 0)) for component in node.components)


def resources(host: str, node: Node) -> Iterator[Problem]:
    """Memory, processors and disk, against what all components together need."""
    need = _need(node, "minimum_memory_mb")
    if node.seen["memory_mb"] < need:
        yield Problem(
            "memory",
            f"memory of {host}",
            f"{node.seen['memory_mb']} MiB",
            f"{listing(node.components)} together need {need} MiB",
            "give the machine more memory, or move a component to another node "
            "(preflight_minimum_memory_mb sets the limits)",
        )
    cpus = max([int(node.node["minimum_cpus"].get(c, 0)) for c in node.components], default=0)
    if node.seen["cpus"] < cpus:
        yield Problem(
            "cpus",
            f"processors of {host}",
            str(node.seen["cpus"]),
            f"{listing(node.components)} need {cpus}",
            "give the machine more processors (preflight_minimum_cpus sets the limits)",
        )
    disk, need = node.seen["disk"], _need(node, "minimum_disk_mb")
    if disk["size_mb"] < need:
        yield Problem(
            "disk",
            f"/var/lib of {host}",
            f"{disk['size_mb']} MiB",
            f"{listing(node.components)} together need {need} MiB",
            "enlarge the file system (preflight_minimum_disk_mb sets the limits)",
        )
    free = int(node.node["minimum_free_disk_mb"])
    if disk["free_mb"] < free:
        yield Problem(
            "disk",
            f"/var/lib of {host}",
            f"{disk['free_mb']} MiB free",
            f"at least {free} MiB have to be free",
            "make room or enlarge the file system",
        )


def network(host: str, node: Node) -> Iterator[Problem]:
    """The node's address, its interface, and the virtual addresses' place on it."""
    if not node.seen["hostname_resolves"]:
        yield Problem(
            "hostname",
            f"host name of {host}",
            node.seen["hostname"],
            "the node cannot resolve its own name, which makes sudo and services slow",
            f"add it to /etc/hosts there: 127.0.1.1 {node.seen['hostname']}",
        )
    address = node.node["address"]
    carrier = node.holds(address) if address else ""
    if address and not carrier:
        found = [str(ip_interface(text).ip) for _, text in node.addresses()]
        yield Problem(
            "node_address",
            f"cluster_address of {host}",
            address,
            f"no interface of {host} has this address (it has {listing(found)})",
            f"set cluster_address of {host} to the address it has in the cluster's network",
        )
    if "balancer" not in node.components:
        return
    name = node.node["vip_interface"] or carrier
    interface = next((i for i in node.seen["interfaces"] if i["name"] == name), None)
    if name and interface is None:
        yield Problem(
            "interface",
            f"vip_interface of {host}",
            name,
            f"{host} has no such interface",
            f"use one of {listing(i['name'] for i in node.seen['interfaces'])}",
        )
    if interface is None:
        return
    if not interface["up"]:
        yield Problem(
            "interface", f"vip_interface of {host}", name, "is down", "bring the interface up"
        )
    for text in node.node["vips"]:
        vip = ip_interface(text)
        networks = [
            ip_interface(other).network
            for other in interface["addresses"]
            if ip_interface(other).ip != vip.ip and not ip_interface(other).is_link_local
        ]
        if not any(vip.ip in found for found in networks if found.version == vip.version):
            variable = "vip_ipv4" if vip.version == 4 else "vip_ipv6"
            seen = listing(str(found) for found in networks if found.version == vip.version)
            yield Problem(
                "vip_subnet",
                variable,
                text,
                f"{host} has no IPv{vip.version} subnet on {name} that it is in (there: {seen})",
                "choose it from the subnet of that interface, or set vip_interface of "
                f"{host} to the right one",
            )


def share(host: str, node: Node) -> Iterator[Problem]:
    """A filer that the node cannot reach, or a directory that nobody has mounted."""
    server, directory = node.node["share_server"], node.node["share_directory"]
    if server and node.seen["share"]["error"]:
        yield Problem(
            "share",
            "external_nfs_server",
            server,
            f"{host} cannot connect to TCP 2049 there: {node.seen['share']['error']}",
            f"check the address, and that the filer and what is between let {host} in",
        )
    if directory and not node.seen["share"]["mounted"]:
        yield Problem(
            "share",
            "external_shared_directory",
            directory,
            f"nothing is mounted there on {host}: its files would stay on that node",
            "mount the share on every LangFlow node, at boot too, or let the kit do it "
            "(external_nfs_server and external_nfs_export)",
        )


def _wanted(node: Node) -> Iterator[tuple[Port, set[str]]]:
    """Yield each port of the node with the literal addresses it will be opened on."""
    for component in node.components:
        for port in PORTS.get(component, ()):
            if port.where == ANY:
                yield port, {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
            elif port.where == LOOPBACK:
                yield port, {"127.0.0.1"}
            else:
                yield port, {str(node.node["address"])}


def _overlap(listening: str, wanted: Collection[str]) -> bool:
    wildcards = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    return listening in wildcards or bool(wildcards & set(wanted)) or listening in wanted


def ports(host: str, node: Node) -> Iterator[Problem]:
    """Ports of the kit that something else listens on; its own units may, on a later run."""
    wanted = list(_wanted(node))
    seen: set[tuple[int, str]] = set()
    for listener in node.seen["listeners"]:
        number, unit = listener["port"], listener["unit"]
        same = [(port, places) for port, places in wanted if port.number == number]
        own = any(fnmatch(unit, pattern) for port, _ in same for pattern in port.units)
        own = own or (not listener["process"] and any(port.in_kernel for port, _ in same))
        who = unit or listener["process"] or "an unknown process"
        clash = any(_overlap(listener["address"], places) for _, places in same)
        if own or not clash or (number, who) in seen:
            continue
        seen.add((number, who))
        needed_by = sorted({pattern for port, _ in same for pattern in port.units})
        yield Problem(
            "port",
            f"port {number} of {host}",
            who,
            f"{who} listens on {listener['address']}:{number}, which {listing(needed_by)} needs",
            f"stop and disable {who} on {host}, or move it to another port",
        )


def clocks(nodes: Mapping[str, Node]) -> Iterator[Problem]:
    """Clocks that differ from the controller's or from each other by more than the observation's error."""
    if not nodes:
        return
    limit = min(float(n.node["maximum_clock_skew_seconds"]) for n in nodes.values())
    fix = "set the clock there and keep it by NTP (timedatectl timesync-status, chronyc tracking)"
    wrong = {h: n for h, n in nodes.items() if abs(n.offset) - n.uncertainty > limit}
    names = list(nodes)
    pairs = [
        (one, other)
        for index, one in enumerate(names)
        for other in names[index + 1 :]
        if abs(nodes[one].offset - nodes[other].offset)
        - nodes[one].uncertainty
        - nodes[other].uncertainty
        > limit
    ]
    if len(wrong) == len(nodes) > 1 and not pairs:
        offset = sum(node.offset for node in nodes.values()) / len(nodes)
        yield Problem(
            "clock",
            "clock of the controller",
            f"{-offset:+.1f} s",
            f"all {len(nodes)} nodes agree with each other, but not with this machine",
            "set the clock of this machine",
        )
        return
    for host, node in wrong.items():
        yield Problem(
            "clock",
            f"clock of {host}",
            f"{node.offset:+.1f} s",
            f"is more than {limit:g} s away from the controller's; leases and certificates "
            "depend on the time",
            fix,
        )
    for one, other in pairs:
        if one not in wrong and other not in wrong:
            apart = abs(nodes[one].offset - nodes[other].offset)
            yield Problem(
                "clock",
                f"clocks of {one} and {other}",
                f"{apart:.1f} s",
                f"differ by more than {limit:g} s; leases depend on the time",
                fix,
            )


def vip_free(nodes: Mapping[str, Node]) -> Iterator[Problem]:
    """A virtual address at which a machine answers that is none of ours."""
    balancers = {h: n for h, n in nodes.items() if "balancer" in n.components}
    vips = dict.fromkeys(vip for node in balancers.values() for vip in node.node["vips"])
    for text in vips:
        address = str(ip_interface(text).ip)
        if any(node.holds(address) for node in nodes.values()):
            continue
        witnesses = [h for h, n in balancers.items() if n.seen["answering"].get(address)]
        if witnesses:
            yield Problem(
                "vip_free",
                "vip_ipv4" if ":" not in address else "vip_ipv6",
                text,
                f"another machine already answers at it (seen from {listing(witnesses)})",
                "choose a free address, or retire the machine that has it "
                f"(ip neigh show {address} gives its MAC address)",
            )


def problems(
    nodes: Mapping[str, Node], *, complete: bool = True, skip: Collection[str] = ()
) -> list[Problem]:
    """Return everything that is wrong with the nodes, all at once.

    `complete` tells whether every balancer is among them; if not, a machine that answers at the
    virtual address may be a balancer that was left out, so that is not judged then.
    """
    found: list[Problem] = []
    seen = {host: node for host, node in nodes.items() if node.seen}
    for host, node in nodes.items():
        found += reachable(host, node)
    for host, node in seen.items():
        for check in (system, resources, network, ports, share):
            found += check(host, node)
    found += clocks(seen)
    if complete and len(seen) == len(nodes):
        found += vip_free(seen)
    return [problem for problem in dict.fromkeys(found) if problem.check not in skip]
