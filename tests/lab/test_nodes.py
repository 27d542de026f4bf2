"""Nodes that come, go, and lose their disks, with an engine that takes notes."""

from __future__ import annotations

from pathlib import Path

import pytest
from langflow_ha.lab import container, disk, image, model, service
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab, LabError, plan, with_added_node, without_node


class Notes(Engine):
    """Writes down what it is asked; its containers are those it was told to make and not to remove."""

    def __init__(self, containers: list[str]) -> None:
        self.asked: list[str] = []
        self.containers = containers

    def run(self, *arguments: str) -> str:
        self.asked.append(" ".join(arguments))
        if arguments[0] == "rm":
            self.containers.remove(arguments[-1])
        return ""

    def states(self, lab: str) -> dict[str, str]:
        return dict.fromkeys(self.containers, "running")


def test_a_further_node_has_the_next_name_and_no_vote() -> None:
    larger = with_added_node(plan("d"))
    node = larger.node("n4")
    assert (node.address, node.container) == ("198.18.10.14", "lfha-d-n4")
    assert node.address6 == "fd00:198:18:10::14"
    assert not {"etcd", "valkey", "minio"} & set(node.groups)
    assert without_node(larger, "n4") == plan("d")


def test_what_was_not_added_is_not_taken_away() -> None:
    with pytest.raises(LabError, match="was not added last"):
        without_node(plan("d"), "n3")
    with pytest.raises(LabError, match="topology 'tiers'"):
        with_added_node(plan("d", "tiers"))


def test_a_replaced_node_has_lost_its_disk_and_the_others_have_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "LABS", tmp_path)
    lab: Lab = plan("d")
    (lab.directory / "disks").mkdir(parents=True)
    for node in lab.nodes:
        (lab.directory / f"disks/{node.name}.ext4").write_text("rows")
    engine = Notes([node.container for node in lab.nodes])
    created: list[str] = []
    monkeypatch.setattr(service, "Engine", lambda: engine)
    monkeypatch.setattr(image, "ensure", lambda *_: "image")
    monkeypatch.setattr(disk, "_format", lambda file: file.write_text("empty"))
    monkeypatch.setattr(container, "create", lambda _e, _l, node, _i: created.append(node.name))
    monkeypatch.setattr(service, "wait", lambda *_: None)
    service.replace(lab, [lab.node("n1")], lambda _: None)
    content = {path.name: path.read_text() for path in (lab.directory / "disks").iterdir()}
    assert content == {"n1.ext4": "empty", "n2.ext4": "rows", "n3.ext4": "rows"}
    assert created == ["n1"]
    order = [line.split(" ")[0] for line in engine.asked]
    # The volume cannot go before the container, nor the device before the volume.
    assert order[:3] == ["rm", "volume", "run"]
    assert engine.asked[-1] == "start lfha-d-n1"
