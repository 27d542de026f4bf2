"""A disk of its own for the databases of a container: a sparse file on this machine, attached as a loop device.

What fills it fills nothing else. The engine mounts it with the container and unmounts it with the loss of its
power, like a disk that stays in a machine. A machine without loop devices has labs without such disks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from langflow_ha.lab.engine import LABEL, Engine
from langflow_ha.lab.image import NAME
from langflow_ha.lab.model import CONTAINER, Lab, LabError, NodeSpec

MOUNT = "/var/lib/postgresql"
SIZE = 10 * 1024**3
"""Bytes; above what PostgreSQL may keep of WAL for itself and for an absent standby together. Unused, it takes none."""

LOOP_DEVICES, LOOP_CONTROL = "b 7:*", "c 10:237"
"""Linux's fixed numbers of /dev/loop* and /dev/loop-control."""

# The link is what the engine mounts, because the device may have another number after a start of this machine.
# A mount that succeeds here is one that the engine will not fail at when the container is created already.
_ATTACH = """\
set -eu
for node in "$@"; do
  device=$(losetup --noheadings --output NAME --associated "/disks/$node.ext4" | head -n 1)
  test -n "$device" || device=$(losetup --find --show "/disks/$node.ext4")
  mount -t ext4 "$device" /mnt
  umount /mnt
  ln -sfn "$device" "/disks/$node"
done
"""
# A device that is mounted goes with its last mount.
_DETACH = """\
for node in "$@"; do
  for device in $(losetup --noheadings --output NAME --associated "/disks/$node.ext4"); do
    losetup --detach "$device"
  done
done
"""


def _file(lab: Lab, node: NodeSpec) -> Path:
    return _disks(lab.directory) / f"{node.name}.ext4"


def _disks(directory: Path) -> Path:
    return directory.resolve() / "disks"


def volume(node: NodeSpec) -> str:
    """Return the engine's name of the node's disk."""
    return f"{node.container}-databases"


def wanted(node: NodeSpec) -> bool:
    """Tell whether a node should have such a disk; a virtual machine has all of its disk for itself."""
    return node.kind == CONTAINER and "postgresql" in node.groups


def exists(lab: Lab, node: NodeSpec) -> bool:
    """Tell whether a node has such a disk."""
    return _file(lab, node).exists()


def make(
    engine: Engine, lab: Lab, nodes: Iterable[NodeSpec], image: str, say: Callable[[str], None]
) -> None:
    """Make disks for nodes that are about to be created; says why when this machine cannot have any."""
    new = [node for node in nodes if wanted(node) and not exists(lab, node)]
    try:
        for node in new:
            _format(_file(lab, node))
        attach(engine, lab, new, image)
        for node in new:
            _name(engine, lab, node)
    except LabError as error:
        say(f"the databases share this machine's disk, which no drill may fill: {error}")
        with suppress(LabError):
            _in_helper(engine, lab.directory, image, _DETACH, [node.name for node in new])
        for node in new:
            _file(lab, node).unlink(missing_ok=True)


def attach(engine: Engine, lab: Lab, nodes: Iterable[NodeSpec], image: str) -> None:
    """Give the disks of nodes that are about to start their devices, where they have none."""
    names = [node.name for node in nodes if exists(lab, node)]
    if names:
        _in_helper(engine, lab.directory, image, _ATTACH, names)


def remove(engine: Engine, lab: Lab, node: NodeSpec, image: str) -> None:
    """Throw a disk away, once the container that had it mounted is gone."""
    if not exists(lab, node):
        return
    engine.run("volume", "rm", volume(node))
    _in_helper(engine, lab.directory, image, _DETACH, [node.name])
    _file(lab, node).unlink()


def detach(engine: Engine, directory: Path, say: Callable[[str], None]) -> None:
    """Take the devices of a lab's disks away; those in use go with their containers."""
    names = [file.stem for file in _disks(directory).glob("*.ext4")]
    images = engine.run("images", "--quiet", NAME).split() if names else []
    if images:
        _in_helper(engine, directory, images[0], _DETACH, names)
    elif names:
        say(f"without an image loop devices stay: losetup --list shows those of {directory}")


def _format(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    # Not in every user's path.
    mkfs = shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if mkfs is None:
        raise LabError("there is no mkfs.ext4 command; install e2fsprogs")
    try:
        with file.open("xb") as image:
            image.truncate(SIZE)
        subprocess.run(
            [mkfs, "-q", "-E", "lazy_journal_init=1", str(file)],
            check=True,
            capture_output=True,
            text=True,
        )
    except OSError as error:
        raise LabError(str(error)) from error
    except subprocess.CalledProcessError as error:
        raise LabError(f"mkfs.ext4: {error.stderr.strip()}") from error


def _in_helper(
    engine: Engine, directory: Path, image: str, script: str, names: Iterable[str]
) -> None:
    """Run a script in a container that may do what this user may not: attach loop devices, and mount."""
    command = ["run", "--rm", "--network", "none", "--volume", "/dev:/dev"]
    command += ["--cap-add", "SYS_ADMIN", "--device-cgroup-rule", f"{LOOP_DEVICES} rwm"]
    command += ["--device-cgroup-rule", f"{LOOP_CONTROL} rwm"]
    for unconfined in ("seccomp", "apparmor"):
        command += ["--security-opt", f"{unconfined}=unconfined"]
    command += ["--volume", f"{_disks(directory)}:/disks", image, "/bin/sh", "-c", script]
    engine.run(*command, "disks", *names)


def _name(engine: Engine, lab: Lab, node: NodeSpec) -> None:
    options = ["--opt", "type=ext4", "--opt", f"device={_file(lab, node).with_suffix('')}"]
    engine.run("volume", "create", "--label", f"{LABEL}={lab.name}", *options, volume(node))
