"""A node that is a virtual machine: user-mode Linux, alone in a container that is its case.

The container brings power (kill and start), the place in the lab's network and the disk; so whatever
switches a node's power needs to know no kinds. `docker logs` shows the machine's console. A machine that
ends by itself (reboot, watchdog, panic, but `poweroff` too) boots again.
"""

from __future__ import annotations

import io
import ipaddress
import subprocess
import tarfile
from pathlib import Path

from langflow_ha.lab import host
from langflow_ha.lab.engine import LABEL, Engine
from langflow_ha.lab.model import Lab, LabError, NodeSpec

MAX_MAP_COUNT = 262144
"""Least `vm.max_map_count`: every page of a process in the machine may be a mapping of its own outside."""
SSH_S = 10.0

# The machine takes the place of its case in the lab's network, with an address of the data link of its own.
# Its own way to boot again keeps files open, the network's among them: so it ends, and is started anew.
_START = """\
set -e
ip address flush dev eth0
ip link add br0 type bridge
ip link set br0 addrgenmode none
ip link set eth0 master br0
ip tuntap add tap0 mode tap
ip link set tap0 master br0 up
ip link set br0 up
export TMPDIR=/memory
while :; do
  linux.uml noreboot "$@" || echo "the machine ended with exit code $?"
  sleep 1
done
"""


def check_host() -> None:
    """Raise LabError when this machine is not prepared for virtual machines."""
    allowed = int(Path("/proc/sys/vm/max_map_count").read_text("ascii"))
    if allowed < MAX_MAP_COUNT:
        raise LabError(
            f"vm.max_map_count is {allowed}, virtual machines need {MAX_MAP_COUNT}; run `scripts/bootstrap vms`"
        )
    if not Path("/dev/net/tun").exists():
        raise LabError("there is no /dev/net/tun; run `scripts/bootstrap vms`")


def hardware_address(node: NodeSpec) -> str:
    """Return the address of the node's link: locally administered, with its IPv4 address in it."""
    return ":".join(
        ["06:00", *(f"{byte:02x}" for byte in ipaddress.IPv4Address(node.address).packed)]
    )


def node_command(lab: Lab, node: NodeSpec, kernel: str, disk: Path) -> list[str]:
    """Return the arguments of `docker create` for a node; `disk` stays as it is, changes go to the case."""
    arguments = ["create", "--name", node.container, "--hostname", node.name]
    arguments += ["--label", f"{LABEL}={lab.name}", "--network", lab.network]
    arguments += ["--ip", node.address, "--ip6", node.address6]
    arguments += ["--cap-add", "NET_ADMIN", "--device", "/dev/net/tun"]
    arguments += ["--security-opt", "seccomp=unconfined"]
    # Its memory is a file that is executed from; /dev/shm of a container forbids that.
    arguments += ["--tmpfs", f"/memory:exec,size={node.memory + 64}m"]
    arguments += ["--volume", f"{disk.resolve()}:/vm/disk.ext4:ro"]
    arguments += ["--volume", f"{seed_file(lab, node).resolve()}:/vm/seed.tar:ro"]
    machine = [f"mem={node.memory}M", "ubd0=/vm/disk.cow,/vm/disk.ext4", "ubd1r=/vm/seed.tar"]
    machine += [f"vec0:transport=tap,ifname=tap0,mac={hardware_address(node)},gro=1"]
    machine += ["root=/dev/ubda", "rw", f"systemd.hostname={node.name}", "TERM=dumb"]
    machine += ["con=null", "con0=null,fd:1", "console=tty0"]
    return [*arguments, kernel, "/bin/sh", "-c", _START, node.name, *machine]


def seed_file(lab: Lab, node: NodeSpec) -> Path:
    """Return the tar file that is the machine's second disk."""
    return lab.directory / "seed" / f"{node.name}.tar"


def _network(lab: Lab, node: NodeSpec) -> str:
    lines = ["[Match]", "Name=vec0", "[Network]", "IPv6AcceptRA=no"]
    for network, address in ((lab.subnet, node.address), (lab.subnet6, node.address6)):
        parsed = ipaddress.ip_network(network)
        lines += [f"Address={address}/{parsed.prefixlen}", f"Gateway={parsed.network_address + 1}"]
    return "\n".join([*lines, ""])


def write_seed(lab: Lab, node: NodeSpec, resolver: str) -> None:
    """Write what makes a copy of the disk this node: its name, addresses, keys, and who may log in."""
    key = lab.directory / "ssh" / node.name / "ssh_host_ed25519_key"
    loopback = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
    own = f"127.0.1.1 {node.name}\n"
    servers = "".join(f"nameserver {server}\n" for server in host.nameservers(resolver))
    files = {
        "etc/hostname": (f"{node.name}\n", 0o644),
        "etc/hosts": (loopback + own, 0o644),
        "etc/resolv.conf": (servers, 0o644),
        "etc/systemd/network/10-lab.network": (_network(lab, node), 0o644),
        "etc/ssh/ssh_host_ed25519_key": (key.read_text("ascii"), 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": (Path(f"{key}.pub").read_text("ascii"), 0o644),
        "root/.ssh/authorized_keys": (Path(f"{lab.ssh_key}.pub").read_text("ascii"), 0o600),
    }
    seed = seed_file(lab, node)
    seed.parent.mkdir(exist_ok=True)
    with tarfile.open(seed, "w") as tar:
        directory = tarfile.TarInfo("root/.ssh")
        directory.type, directory.mode = tarfile.DIRTYPE, 0o700
        tar.addfile(directory)
        for name, (text, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), mode
            tar.addfile(member, io.BytesIO(text.encode()))


def create(engine: Engine, lab: Lab, node: NodeSpec, kernel: str, disk: Path) -> None:
    """Create the case of a machine, not yet started."""
    write_seed(lab, node, Path("/etc/resolv.conf").read_text("utf-8"))
    engine.run(*node_command(lab, node, kernel, disk))


def unready(lab: Lab, node: NodeSpec) -> str:
    """Return why a machine is not ready, or an empty string; only the machine itself can be asked."""
    command = ["ssh", "-F", "none", "-T", "-i", str(lab.ssh_key), "-o", "BatchMode=yes"]
    command += ["-o", f"UserKnownHostsFile={lab.known_hosts}", "-o", "StrictHostKeyChecking=yes"]
    command += ["-o", "ConnectTimeout=3", "-o", "LogLevel=ERROR", f"root@{node.address}"]
    command += ["systemctl is-system-running; systemctl --failed --plain --no-legend --no-pager"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=SSH_S, check=False)
    except subprocess.TimeoutExpired:
        return "SSH does not answer yet"
    state, _, failed = asked.stdout.partition("\n")
    if state == "degraded":
        return f"failed units: {failed.strip()}"
    if state != "running":
        return f"systemd is {state}" if state else f"SSH: {asked.stderr.strip()}"
    return ""
