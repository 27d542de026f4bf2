"""A node that is a container: it has systemd and a network of its own, and shares kernel and clock."""

from __future__ import annotations

import shutil
from pathlib import Path

from langflow_ha.lab import disk
from langflow_ha.lab.engine import LABEL, Engine, volume
from langflow_ha.lab.model import BACKUPS, SHARE, SHARED_OWNER, Lab, NodeSpec

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


def node_command(
    lab: Lab, node: NodeSpec, image: str, cgroup_v2: bool, own_disk: bool = False
) -> list[str]:
    """Return the arguments of `docker create` for a node. Not --privileged: no host devices, no host clock.

    `own_disk`: its databases have a disk of their own.
    """
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
    if lab.shared_files:
        arguments += ["--volume", f"{lab.shared_files.resolve()}:{SHARE}"]
    if own_disk:
        arguments += ["--volume", f"{disk.volume(node)}:{disk.MOUNT}"]
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


def create(engine: Engine, lab: Lab, node: NodeSpec, image: str) -> None:
    """Create a container with its own host key and our public key in it, not yet started."""
    host_key = lab.directory / "ssh" / node.name / "ssh_host_ed25519_key"
    hosts = hosts_file(lab, node)
    hosts.parent.mkdir(exist_ok=True)
    hosts.write_text("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n", "ascii")
    if lab.shared_files and not lab.shared_files.exists():
        lab.shared_files.mkdir()
        # By the engine, which may give away what this user may not.
        owner = ["chown", f"{SHARED_OWNER}:{SHARED_OWNER}", SHARE]
        volume = f"{lab.shared_files.resolve()}:{SHARE}"
        engine.run("run", "--rm", "--network", "none", "--volume", volume, image, *owner)
    engine.run(*node_command(lab, node, image, has_cgroup_v2(), disk.exists(lab, node)))
    for file in (host_key, host_key.with_name(f"{host_key.name}.pub")):
        engine.run("cp", str(file), f"{node.container}:/etc/ssh/{file.name}")
    # A directory of its own, because `docker cp` makes no parents and keeps the mode.
    staging = lab.directory / "ssh" / "root" / ".ssh"
    staging.mkdir(parents=True, exist_ok=True)
    staging.chmod(0o700)
    keys = staging / "authorized_keys"
    shutil.copyfile(f"{lab.ssh_key}.pub", keys)
    keys.chmod(0o600)
    engine.run("cp", str(staging), f"{node.container}:/root/")


def unready(engine: Engine, node: NodeSpec) -> str:
    """Return why a node is not ready, or an empty string."""
    code, state = engine.execute(node.container, "systemctl", "is-system-running")
    if state == "degraded":
        _, failed = engine.execute(
            node.container, "systemctl", "--failed", "--plain", "--no-legend", "--no-pager"
        )
        return f"failed units: {failed}"
    if code != 0:
        return f"systemd is {state}"
    code, _ = engine.execute(node.container, "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/22")
    return "" if code == 0 else "SSH does not answer yet"
