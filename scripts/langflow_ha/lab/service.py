"""Bring a lab up, take it down, cut and restore power. Every step can be repeated."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from langflow_ha.lab import container, disk, image, inventory, vm, vm_image
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import (
    CONTAINER,
    LABS,
    VM,
    Lab,
    LabError,
    NodeSpec,
    from_info,
    with_added_node,
    without_node,
)

Say = Callable[[str], None]

BOOT_S = {CONTAINER: 90.0, VM: 300.0}
"""How long a node of a kind may take until it is ready."""


def _keygen(path: Path, comment: str) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise LabError("there is no ssh-keygen command; install openssh-client") from error


def load(name: str) -> Lab:
    """Read an existing lab; LabError when there is none of that name."""
    file = LABS / name / "lab.json"
    if not file.is_file():
        raise LabError(
            f"there is no lab {name!r}; `langflow-ha lab list` shows them, `lab up` makes one"
        )
    return from_info(json.loads(file.read_text("utf-8")))


def names() -> list[str]:
    """Return the names of the labs that have a directory."""
    return sorted(file.parent.name for file in LABS.glob("*/lab.json"))


def _create(engine: Engine, lab: Lab, node: NodeSpec, say: Say) -> None:
    """Create what the node is, and what that is made from where it is not there; not yet started."""
    if node.kind == VM:
        vm.check_host()
        vm.create(engine, lab, node, *vm_image.ensure(engine, node.os, say))
    else:
        container.create(engine, lab, node, image.ensure(engine, node.os, say))


def _provide_disks(engine: Engine, lab: Lab, states: Mapping[str, str], say: Say) -> None:
    """Make the disks of new nodes, and see that those of nodes without power can be mounted."""
    new = [node for node in lab.nodes if node.container not in states and disk.wanted(node)]
    off = [node for node in lab.nodes if states.get(node.container, "running") != "running"]
    if new:
        disk.make(engine, lab, new, image.ensure(engine, new[0].os, say), say)
    if any(disk.exists(lab, node) for node in off):
        disk.attach(engine, lab, off, image.ensure(engine, off[0].os, say))


def _unready(engine: Engine, lab: Lab, node: NodeSpec) -> str:
    """Return why a node is not ready, or an empty string."""
    if node.kind == VM:
        return vm.unready(lab, node)
    return container.unready(engine, node)


def _write_keys(lab: Lab) -> None:
    _keygen(lab.ssh_key, f"langflow-ha-lab-{lab.name}")
    lines = []
    for node in lab.nodes:
        host_key = lab.directory / "ssh" / node.name / "ssh_host_ed25519_key"
        _keygen(host_key, node.name)
        kind, key, _ = host_key.with_name(f"{host_key.name}.pub").read_text("ascii").split(" ", 2)
        lines.append(f"{node.address},{node.address6} {kind} {key}\n")
    lab.known_hosts.write_text("".join(lines), "ascii")


def up(lab: Lab, say: Say) -> None:
    """Make the lab or start what is missing of it; running nodes are left alone."""
    engine = Engine()
    engine.check()
    file = lab.directory / "lab.json"
    if file.is_file() and load(lab.name) != lab:
        raise LabError(
            f"lab {lab.name} exists with other settings; `langflow-ha lab down --name {lab.name}` first"
        )
    lab.directory.mkdir(parents=True, exist_ok=True)
    lab.directory.chmod(0o700)
    engine.create_network(lab)
    _write_keys(lab)
    states = engine.states(lab.name)
    _provide_disks(engine, lab, states, say)
    for node in lab.nodes:
        if node.container not in states:
            _create(engine, lab, node, say)
        if states.get(node.container) != "running":
            engine.run("start", node.container)
            say(f"started {node.name} ({node.os}, {node.address}, {node.address6})")
        else:
            say(f"{node.name} is running ({node.address})")
    inventory.write(lab, say)
    _note(lab)
    wait(lab, say)


def _lose(engine: Engine, lab: Lab, node: NodeSpec, say: Say) -> None:
    if node.container in engine.states(lab.name):
        engine.run("rm", "--force", "--volumes", node.container)
    if disk.exists(lab, node):
        disk.remove(engine, lab, node, image.ensure(engine, node.os, say))
    say(f"{node.name} is lost, with its disks")


def add(lab: Lab, say: Say) -> None:
    """Put one more node into the lab and its inventory; the playbooks deploy it."""
    larger = with_added_node(lab)
    _note(larger)
    up(larger, say)


def remove(lab: Lab, name: str, say: Say) -> None:
    """Take the node that was added last out of the lab and its inventory, with its disks."""
    smaller = without_node(lab, name)
    _lose(Engine(), lab, lab.node(name), say)
    _note(smaller)
    inventory.write(smaller, say)


def _note(lab: Lab) -> None:
    """Write down what the lab is."""
    (lab.directory / "lab.json").write_text(json.dumps(lab.info(), indent=2) + "\n", "utf-8")


def replace(lab: Lab, nodes: Iterable[NodeSpec], say: Say) -> None:
    """Lose nodes with all that is on their disks, and put new, empty machines in their places.

    Names, addresses and SSH host keys stay; a real machine would come with a host key of its own.
    """
    engine = Engine()
    lost = list(nodes)
    for node in lost:
        _lose(engine, lab, node, say)
    _provide_disks(engine, lab, engine.states(lab.name), say)
    for node in lost:
        _create(engine, lab, node, say)
        engine.run("start", node.container)
    wait(lab, say)


def down(name: str, say: Say) -> None:
    """Remove a lab's containers, network and directory. Images and artefacts stay."""
    engine = Engine()
    engine.check()
    disk.detach(engine, LABS / name, say)
    engine.remove(name, f"lfha-{name}")
    shutil.rmtree(LABS / name, ignore_errors=True)
    say(f"lab {name} is gone; images and artefacts are kept")


def select(lab: Lab, nodes: Iterable[str], every: bool) -> list[NodeSpec]:
    """Return the nodes that were named, or all of them."""
    chosen = list(nodes)
    if every == bool(chosen):
        raise LabError("name the nodes, or give --all")
    return list(lab.nodes) if every else [lab.node(name) for name in chosen]


def power_off(nodes: Iterable[NodeSpec]) -> None:
    """Cut the power: every process of the nodes is killed at once, nothing is written back by them."""
    Engine().run("kill", *(node.container for node in nodes))


def power_on(nodes: Iterable[NodeSpec]) -> None:
    """Boot nodes that have no power, in the order given."""
    engine = Engine()
    for node in nodes:
        engine.run("start", node.container)


def wait(lab: Lab, say: Say, timeout: float = 0.0) -> None:
    """Wait until systemd of every node is `running` and SSH answers.

    LabError after `timeout` seconds; 0 stands for what the slowest kind of node may take.
    """
    engine = Engine()
    timeout = timeout or max(BOOT_S[node.kind] for node in lab.nodes)
    started = time.monotonic()
    waiting = {node.name: "" for node in lab.nodes}
    while waiting:
        for node in [node for node in lab.nodes if node.name in waiting]:
            reason = _unready(engine, lab, node)
            if reason:
                waiting[node.name] = reason
            else:
                del waiting[node.name]
        if not waiting:
            break
        if time.monotonic() - started > timeout:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in waiting.items())
            raise LabError(f"not ready after {timeout:.0f} s: {reasons}")
        time.sleep(0.5)
    say(f"{len(lab.nodes)} nodes are up after {time.monotonic() - started:.1f} s")
