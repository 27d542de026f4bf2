from __future__ import annotations

import json

import pytest
from langflow_ha.lab.model import CONTAINER, GROUPS, VM, Lab, LabError, from_info, plan


def test_standard_lab_has_every_node_in_every_group() -> None:
    lab = plan("demo")
    assert [node.name for node in lab.nodes] == ["n1", "n2", "n3"]
    assert {node.name: node.groups for node in lab.nodes} == {
        "n1": (*GROUPS, "monitoring"),
        "n2": (*GROUPS, "monitoring"),
        "n3": GROUPS,
    }
    assert [node.address for node in lab.nodes] == ["198.18.10.11", "198.18.10.12", "198.18.10.13"]
    assert [node.address6 for node in lab.nodes] == [f"fd00:198:18:10::{n}" for n in (11, 12, 13)]
    assert (lab.vip, lab.vip6) == ("198.18.10.100", "fd00:198:18:10::100")
    assert lab.mode == "active_active"


def test_tiers_keep_the_database_on_debian_13() -> None:
    lab = plan("t", "tiers", "198.18.21.0/24")
    assert {node.name: node.os for node in lab.nodes} == {
        "db1": "debian13",
        "app1": "debian12",
        "app2": "debian12",
    }
    assert [node.name for node in lab.nodes if "postgresql" in node.groups] == ["db1"]
    assert lab.mode == "active_standby"


def test_one_system_for_all_or_one_for_each() -> None:
    assert {node.os for node in plan("x", systems=["debian12"]).nodes} == {"debian12"}
    systems = ["debian13", "debian12", "debian13"]
    assert [node.os for node in plan("x", systems=systems).nodes] == systems


@pytest.mark.parametrize("topology", ["standard", "vms"])
def test_info_round_trip(topology: str) -> None:
    lab = plan("demo", topology, nodes=5)
    again = from_info(json.loads(json.dumps(lab.info())))
    assert again == lab
    assert isinstance(again, Lab)


def test_virtual_machines_have_a_kind_and_memory() -> None:
    assert {(n.kind, n.memory) for n in plan("v", "vms", memory=768).nodes} == {(VM, 768)}
    assert {(n.kind, n.memory) for n in plan("c", memory=768).nodes} == {(CONTAINER, 0)}


def test_nfs_has_two_clients_and_a_server_with_kernels_of_their_own() -> None:
    lab = plan("x", "nfs")
    assert {n.name: n.groups for n in lab.nodes} == {
        "app1": ("langflow",),
        "app2": ("langflow",),
        "nfs1": ("nfs_server",),
    }
    assert {n.kind for n in lab.nodes} == {VM}


def test_shared_has_a_directory_in_place_of_minio() -> None:
    lab = plan("x", "shared")
    assert all("minio" not in node.groups for node in lab.nodes)
    assert lab.shared_files == lab.directory / "files"
    assert plan("x").shared_files is None


def test_a_lab_from_before_there_were_kinds_has_containers() -> None:
    info = plan("demo").info()
    for node in info["nodes"]:
        del node["kind"], node["memory"]
    assert from_info(info) == plan("demo")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "Demo"}, "--name 'Demo'"),
        ({"name": "-x"}, "--name '-x'"),
        ({"name": "x", "subnet": "198.18.10.5/24"}, "has host bits set"),
        ({"name": "x", "subnet": "198.18.10.0/25"}, "a /24 or larger"),
        ({"name": "x", "nodes": 0}, "--nodes 0"),
        ({"name": "x", "systems": ["debian11"]}, "--os 'debian11'"),
        ({"name": "x", "systems": ["debian12", "debian13"]}, "2 times for 3 nodes"),
        ({"name": "x", "topology": "ring"}, "unknown topology 'ring'"),
        ({"name": "x", "topology": "tiers", "systems": ["debian13"]}, "leave --os out"),
        ({"name": "x", "topology": "nfs", "systems": ["debian12"] * 3}, "give --os once"),
        ({"name": "x", "topology": "vms", "memory": 64}, "at least 256 MiB"),
        ({"name": "x", "mode": "standby"}, "--mode 'standby'"),
    ],
)
def test_refusals_name_the_option(options: dict[str, object], words: str) -> None:
    with pytest.raises(LabError, match=words):
        plan(**options)  # type: ignore[arg-type]


def test_unknown_node_is_refused_with_the_names() -> None:
    with pytest.raises(LabError, match="its nodes are n1, n2, n3"):
        plan("demo").node("n9")
