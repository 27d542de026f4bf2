"""Calls of the container engine (docker): networks, containers, images. One place knows its flags."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from langflow_ha.lab.model import Lab, LabError

LABEL = "langflow-ha.lab"


def volume(network: str) -> str:
    """Return the name of the lab's storage for backups, which every container has mounted and none owns."""
    return f"{network}-backup"


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
        """Remove the containers (with their data), the disks, the backups and the network of a lab."""
        containers = list(self.states(lab))
        if containers:
            self.run("rm", "--force", "--volumes", *containers)
        if disks := self.run("volume", "ls", "--quiet", "--filter", f"label={LABEL}={lab}").split():
            self.run("volume", "rm", *disks)
        if self.succeeds("volume", "inspect", volume(network)):
            self.run("volume", "rm", volume(network))
        if self.succeeds("network", "inspect", network):
            self.run("network", "rm", network)

    def execute(self, container: str, *command: str) -> tuple[int, str]:
        """Run a command in a container; return its exit code and output."""
        result = self._run(["exec", container, *command])
        return result.returncode, (result.stdout + result.stderr).strip()
