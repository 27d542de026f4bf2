"""Disks of the databases, with an engine that takes notes and a mkfs that makes nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from langflow_ha.lab import disk, image, model, service
from langflow_ha.lab.container import node_command
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab, LabError, plan

LAB = plan("d", "tiers")


class Notes(Engine):
    """An engine that writes down what it is asked, and refuses what has `refuses` in it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses = "nothing"

    def run(self, *arguments: str) -> str:
        self.asked.append(" ".join(arguments))
        if self.refuses in arguments:
            raise LabError("no loop devices here")
        return "image-id" if arguments[0] == "images" else ""

    def about(self, word: str) -> list[str]:
        return [line for line in self.asked if word in line]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(model, "LABS", tmp_path)
    (tmp_path / "mkfs.ext4").write_text("#!/bin/sh\n")
    (tmp_path / "mkfs.ext4").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    LAB.directory.mkdir()
    return LAB


def files(lab: Lab) -> list[str]:
    return sorted(path.name for path in (lab.directory / "disks").iterdir())


def test_only_containers_with_databases_get_one_and_it_takes_no_space(lab: Lab) -> None:
    said: list[str] = []
    engine = Notes()
    disk.make(engine, lab, lab.nodes, "image", said.append)
    assert files(lab) == ["db1.ext4"]
    made = (lab.directory / "disks/db1.ext4").stat()
    assert made.st_size == disk.SIZE
    assert made.st_blocks * 512 < 1024**2
    (attached,) = engine.about("losetup --find")
    assert attached.endswith("disks db1")
    (named,) = engine.about("volume create")
    assert f"device={lab.directory.resolve()}/disks/db1 lfha-d-db1-databases" in named
    assert said == []
    assert not any(disk.wanted(node) for node in plan("v", "vms").nodes)


def test_a_node_with_a_disk_mounts_it_where_the_databases_are(lab: Lab) -> None:
    node = lab.nodes[0]
    mount = f"lfha-d-db1-databases:{disk.MOUNT}"
    assert mount in node_command(lab, node, "image", True, own_disk=True)
    assert mount not in node_command(lab, node, "image", True)


@pytest.mark.parametrize("refuses", ["run", "volume"])
def test_without_loop_devices_there_is_a_lab_without_disks_and_a_reason(
    lab: Lab, refuses: str
) -> None:
    said: list[str] = []
    engine = Notes()
    engine.refuses = refuses
    disk.make(engine, lab, lab.nodes, "image", said.append)
    assert "no loop devices here" in said[0]
    assert files(lab) == []
    assert engine.about("losetup --detach")
    assert not disk.exists(lab, lab.nodes[0])


def test_without_a_tool_to_make_them_likewise(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    disk.make(Notes(), lab, lab.nodes, "image", said.append)
    assert "install e2fsprogs" in said[0]


def test_a_disk_that_is_there_is_attached_again_and_never_made_anew(lab: Lab) -> None:
    disk.make(Notes(), lab, lab.nodes, "image", print)
    (lab.directory / "disks/db1.ext4").write_text("rows")
    engine = Notes()
    disk.make(engine, lab, lab.nodes, "image", print)
    assert (lab.directory / "disks/db1.ext4").read_text() == "rows"
    disk.attach(engine, lab, lab.nodes, "image")
    assert engine.about("losetup --find")[-1].endswith("disks db1")
    assert engine.about("volume create") == []


def test_nodes_without_power_get_their_disks_before_they_start(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "ensure", lambda *_: "image")
    engine = Notes()
    service._provide_disks(engine, lab, {}, print)
    before = len(engine.asked)
    running = {node.container: "running" for node in lab.nodes}
    service._provide_disks(engine, lab, running, print)
    assert len(engine.asked) == before
    service._provide_disks(engine, lab, running | {"lfha-d-db1": "exited"}, print)
    assert "losetup --find" in engine.asked[-1]


def test_the_devices_of_a_lab_go_with_it(lab: Lab) -> None:
    engine = Notes()
    disk.detach(engine, lab.directory, print)
    assert engine.asked == []
    disk.make(engine, lab, lab.nodes, "image", print)
    disk.detach(engine, lab.directory, print)
    assert "losetup --detach" in engine.asked[-1]
    assert engine.asked[-1].endswith("disks db1")


def test_the_helper_has_no_more_rights_than_it_needs(lab: Lab) -> None:
    engine = Notes()
    disk.make(engine, lab, lab.nodes, "image", print)
    (call,) = engine.about("losetup --find")
    assert "--privileged" not in call
    assert "--cap-add SYS_ADMIN --device-cgroup-rule b 7:* rwm" in call
