"""Calls of the container engine (docker): networks, containers, images. One place knows its flags."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from langflow_ha.lab.model import BACKUPS, Lab, LabError, NodeSpec

LABEL = "langflow-ha.lab"
SYSTEMD = "/lib/systemd/systemd"

# What systemd, Keepalived, nftables and the drills (SIGSTOP, network emulation) need of the kernel.
# SYS_TIME stays out: a node must never set the clock of the machine that hosts it.
CAPABILITIES = (
    "SYS_ADMIN",
    "NET_ADMIN",
    "NET_RAW",
    "NET_BROADCAST",
    "SYS_PTRACE",
    "SYS_NICE",
    "DAC_READ_SEARCH",
    "IPC_LOCK",
    "SYSLOG",
    "SYS_BOOT",
    "AUDIT_CONTROL",
    "MKNOD",
    "LEASE",
)


def has_cgroup_v2() -> bool:
    """Tell whether this machine runs the unified cgroup hierarchy only."""
    return Path("/sys/fs/cgroup/cgroup.controllers").exists()


def hosts_file(lab: Lab, node: NodeSpec) -> Path:
    """Return the file on this machine that is the node's /etc/hosts."""
    return lab.directory.resolve() / "hosts" / node.name


def volume(network: str) -> str:
    """Return the name of the lab's storage for backups, which every node has mounted and none owns."""
    return f"{network}-backup"


def node_command(lab: Lab, node: NodeSpec, image: str, cgroup_v2: bool) -> list[str]:
    """Return the arguments of `docker create` for a node. Not --privileged: no host devices, no host clock."""
    arguments = ["create", "--name", node.container, "--hostname", node.name]
    arguments += ["--label", f"{LABEL}={lab.name}", "--network", lab.network]
    arguments += ["--ip", node.address, "--ip6", node.address6]
    for capability in CAPABILITIES:
        arguments += ["--cap-add", capability]
    for unconfined in ("seccomp", "apparmor", "systempaths"):
        arguments += ["--security-opt", f"{unconfined}=unconfined"]
    arguments += ["--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"]  # noqa: S108
    # The engine writes its own /etc/hosts anew at every start; a machine keeps what was written to it.
    arguments += ["--volume", f"{hosts_file(lab, node)}:/etc/hosts"]
    # Storage that is not the nodes': what a filer would be.
    arguments += ["--volume", f"{volume(lab.network)}:{BACKUPS}"]
    arguments += ["--device", "/dev/fuse", "--shm-size", "256m"]
    arguments += ["--sysctl", "net.ipv6.conf.all.disable_ipv6=0"]
    arguments += ["--stop-signal", "SIGRTMIN+3", "--env", "container=docker"]
    if cgroup_v2:
        # The engine mounts the node's own cgroup tree read-only; systemd needs to write to it.
        start = f"mount -o remount,rw /sys/fs/cgroup && exec {SYSTEMD}"
        return [*arguments, "--cgroupns", "private", image, "/bin/sh", "-c", start]
    # With cgroup v1 there is no useful private view: systemd finds its own branch in the host's tree.
    arguments += ["--cgroupns", "host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    return [*arguments, image, SYSTEMD]


class Engine:
    """Thin wrapper of the docker command; every failure is a LabError with docker's own words."""

    def __init__(self) -> None:
        # Without the right to use the socket, go through sudo, as `make setup` does.
        socket = Path("/var/run/docker.sock")
        plain = os.geteuid() == 0 or (socket.exists() and os.access(socket, os.W_OK))
        self.prefix = ["docker"] if plain else ["sudo", "-n", "docker"]

    def run(self, *arguments: str) -> str:
        """Run docker and return what it printed."""
        result = self._run(arguments)
        if result.returncode != 0:
            words = (result.stderr or result.stdout).strip()
            raise LabError(f"docker {' '.join(arguments[:3])} …: {words}")
        return result.stdout.strip()

    def succeeds(self, *arguments: str) -> bool:
        """Run docker and tell whether it succeeded; for questions, not for changes."""
        return self._run(arguments).returncode == 0

    def _run(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self.prefix, *arguments], capture_output=True, text=True, check=False
            )
        except FileNotFoundError as error:
            raise LabError("there is no docker command; run `make setup`") from error

    def check(self) -> None:
        """Raise LabError unless the engine answers."""
        result = self._run(["info", "--format", "{{.ServerVersion}}"])
        if result.returncode != 0 or not result.stdout.strip():
            raise LabError(
                f"the container engine does not answer ({result.stderr.strip()}); run `make setup`"
            )

    def states(self, lab: str) -> dict[str, str]:
        """Return the state (running, exited, …) of each container of a lab."""
        listing = self.run(
            "ps", "--all", "--filter", f"label={LABEL}={lab}", "--format", "{{.Names}} {{.State}}"
        )
        return {
            name: state for name, _, state in (line.partition(" ") for line in listing.splitlines())
        }

    def create_network(self, lab: Lab) -> None:
        """Create the lab's network unless it exists."""
        if self.succeeds("network", "inspect", lab.network):
            return
        self.run(
            "network",
            "create",
            "--label",
            f"{LABEL}={lab.name}",
            "--subnet",
            lab.subnet,
            "--ipv6",
            "--subnet",
            lab.subnet6,
            lab.network,
        )

    def remove(self, lab: str, network: str) -> None:
        """Remove the containers (with their data), the backups and the network of a lab."""
        containers = list(self.states(lab))
        if containers:
            self.run("rm", "--force", "--volumes", *containers)
        if self.succeeds("volume", "inspect", volume(network)):
            self.run("volume", "rm", volume(network))
        if self.succeeds("network", "inspect", network):
            self.run("network", "rm", network)

    def execute(self, container: str, *command: str) -> tuple[int, str]:
        """Run a command in a container; return its exit code and output."""
        result = self._run(["exec", container, *command])
        return result.returncode, (result.stdout + result.stderr).strip()
