"""What a virtual machine boots: Linux as a program (user-mode Linux), and a disk with Debian on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from langflow_ha.lab import image
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.host import Mirrors, mirrors
from langflow_ha.lab.image import Recipe
from langflow_ha.lab.model import LABS, RELEASES

# Debian's testing: since Linux 6.16 user-mode Linux traps system calls by seccomp, three times as fast
# as by ptrace, and the older ones do not start on processors whose registers outgrew them (AMX).
KERNEL_RELEASE = "forky"
KERNEL_INCLUDE = ("e2fsprogs", "iproute2", "user-mode-linux")
DISK_SIZE = "16G"
"""Sparse: only what is written takes room."""

TREE_INCLUDE = (*image.INCLUDE, "e2fsprogs", "kmod", "udev")

# On top of the container's: a machine has devices (networkd waits for udev's word about a link), a disk to
# check, and gets what is its own (keys, name, addresses) from its second disk, a tar, at the first boot.
# Its watchdog can be stopped, else a restart of what feeds it would reset the machine.
_TREE_HOOK = f"""{image.HOOK}
rm "$1"/etc/systemd/system/systemd-udev*.service
echo '/dev/ubda / ext4 noatime 0 1' > "$1"/etc/fstab
echo softdog > "$1"/etc/modules-load.d/softdog.conf
echo options softdog nowayout=0 > "$1"/etc/modprobe.d/softdog.conf
cat > "$1"/etc/systemd/system/lab-seed.service <<'UNIT'
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service
Before=systemd-networkd.service sysinit.target
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
[Service]
Type=oneshot
ExecStart=tar --extract --directory=/ --file=/dev/ubdb
UNIT
cd "$1"/etc/systemd/system
mkdir -p multi-user.target.wants sysinit.target.wants
ln -s ../lab-seed.service sysinit.target.wants/
ln -s /usr/lib/systemd/system/systemd-networkd.service multi-user.target.wants/
"""

# The tree comes on standard input; the modules are those of the kernel that is in this image.
_MAKE_DISK = f"""\
set -e
mkdir /tree
tar --extract --directory=/tree
mkdir -p /tree/usr/lib/modules
cp -a /usr/lib/uml/modules/. /tree/usr/lib/modules/
truncate --size={DISK_SIZE} /out/"$1".part
mke2fs -q -t ext4 -d /tree /out/"$1".part
mv /out/"$1".part /out/"$1"
"""


def kernel_recipe(found: Mirrors | None = None) -> Recipe:
    """Return the recipe of the image that runs virtual machines: the kernel, and tools for their disks."""
    archive = (found or mirrors()).archive
    # A mirror that is seldom renewed says of testing, not of a release, that it has expired.
    sources = (f"deb [check-valid-until=no] {archive} {KERNEL_RELEASE} main",) if archive else ()
    return Recipe("langflow-ha-uml", KERNEL_RELEASE, sources, KERNEL_INCLUDE, (), "true")


def tree_recipe(system: str, found: Mirrors | None = None) -> Recipe:
    """Return the recipe of what is on the disk of an operating system (debian13, debian12)."""
    release = RELEASES[system]
    sources = (found or mirrors()).sources(release)
    cached = image.CACHED[release]
    return Recipe("langflow-ha-vm", release, tuple(sources), TREE_INCLUDE, cached, _TREE_HOOK)


def ensure(engine: Engine, system: str, say: Callable[[str], None]) -> tuple[str, Path]:
    """Return the kernel's image and the disk of an operating system, building what is not there."""
    kernel = image.ensure_built(engine, kernel_recipe(), say)
    tree = tree_recipe(system)
    # With the image's id, not its tag: a newer kernel under the same recipe has other modules.
    identity = engine.run("image", "inspect", "--format", "{{.Id}}", kernel)
    digest = hashlib.sha256(f"{tree.tag} {identity}".encode()).hexdigest()
    disk = LABS / "images" / f"vm-{tree.release}-{digest[:12]}.ext4"
    if not disk.exists():
        disk.parent.mkdir(parents=True, exist_ok=True)
        run = [*engine.prefix, "run", "--rm", "--interactive", "--network", "none"]
        run += ["--volume", f"{disk.parent.resolve()}:/out", kernel]
        image.build(tree, [*run, "/bin/sh", "-c", _MAKE_DISK, "disk", disk.name], say)
    return kernel, disk
