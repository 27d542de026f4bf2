from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from langflow_ha import ROOT
from langflow_ha.lab import image, model, service, vm, vm_image
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.host import Mirrors
from langflow_ha.lab.image import recipe
from langflow_ha.lab.model import LabError, plan

LAB = plan("v", "vms", "198.18.77.0/24", nodes=2, memory=512)
HERE = Mirrors("http://a.example/debian", "http://a.example/security")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> model.Lab:
    monkeypatch.setattr(model, "LABS", tmp_path)
    LAB.directory.mkdir()
    service._write_keys(LAB)
    return LAB


def test_the_case_has_no_more_rights_than_its_network_needs() -> None:
    command = vm.node_command(LAB, LAB.nodes[0], "kernel:tag", Path("/x/disk.ext4"))
    assert [command[i + 1] for i, word in enumerate(command) if word == "--cap-add"] == [
        "NET_ADMIN"
    ]
    assert "--privileged" not in command
    assert "/x/disk.ext4:/vm/disk.ext4:ro" in command
    assert command[command.index("--ip") + 1] == "198.18.77.11"


def test_the_machine_has_its_memory_and_a_link_of_its_own() -> None:
    first, second = (vm.node_command(LAB, n, "kernel:tag", Path("/x")) for n in LAB.nodes)
    assert "mem=512M" in first
    assert "vec0:transport=tap,ifname=tap0,mac=06:00:c6:12:4d:0b,gro=1" in first
    assert "vec0:transport=tap,ifname=tap0,mac=06:00:c6:12:4d:0c,gro=1" in second


def test_what_makes_a_disk_this_node(lab: model.Lab) -> None:
    node = lab.nodes[1]
    vm.write_seed(lab, node, "nameserver 127.0.0.53\nnameserver 192.0.2.53\n")
    with tarfile.open(vm.seed_file(lab, node)) as tar:
        modes = {member.name: member.mode for member in tar.getmembers()}
        texts = {
            m.name: stream.read().decode()
            for m in tar
            if (stream := tar.extractfile(m)) is not None
        }
    assert modes["etc/ssh/ssh_host_ed25519_key"] == 0o600
    assert modes["root/.ssh"] == 0o700
    assert texts["etc/hostname"] == "n2\n"
    assert texts["etc/resolv.conf"] == "nameserver 192.0.2.53\n"
    assert texts["root/.ssh/authorized_keys"] == Path(f"{lab.ssh_key}.pub").read_text()
    assert texts["etc/ssh/ssh_host_ed25519_key.pub"].split()[1] in lab.known_hosts.read_text()
    assert texts["etc/systemd/network/10-lab.network"].splitlines()[4:] == [
        "Address=198.18.77.12/24",
        "Gateway=198.18.77.1",
        "Address=fd00:198:18:77::12/64",
        "Gateway=fd00:198:18:77::1",
    ]


def test_a_seed_fills_whole_sectors(lab: model.Lab) -> None:
    vm.write_seed(lab, lab.nodes[0], "")
    assert vm.seed_file(lab, lab.nodes[0]).stat().st_size % 512 == 0


def test_an_unprepared_host_is_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vm, "MAX_MAP_COUNT", 1 << 60)
    with pytest.raises(LabError, match="scripts/bootstrap vms"):
        vm.check_host()


def test_bootstrap_gives_what_is_asked_for() -> None:
    text = (ROOT / "scripts" / "bootstrap").read_text()
    assert f"wanted={vm.MAX_MAP_COUNT}\n" in text


def test_a_disk_has_what_a_container_leaves_out() -> None:
    tree, node = vm_image.tree_recipe("debian13", HERE), recipe("debian13", HERE)
    assert {"udev", "kmod"} <= set(tree.include) - set(node.include)
    assert tree.cached == node.cached
    assert tree.tag.startswith("langflow-ha-vm:trixie-")


def test_the_kernel_comes_from_the_machines_own_mirror() -> None:
    kernel = vm_image.kernel_recipe(HERE)
    assert kernel.sources == ("deb [check-valid-until=no] http://a.example/debian forky main",)
    assert kernel.tag != vm_image.kernel_recipe(Mirrors()).tag


def test_a_newer_kernel_gets_a_disk_with_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vm_image, "LABS", tmp_path)
    monkeypatch.setattr(image, "ensure_built", lambda *_: "kernel:tag")
    built: list[str] = []

    def build(_: object, into: list[str], __: object) -> None:
        built.append(into[-1])
        (tmp_path / "images" / into[-1]).touch()

    monkeypatch.setattr(image, "build", build)
    engine = Engine()
    for identity in ("sha256:1", "sha256:1", "sha256:2"):
        monkeypatch.setattr(engine, "run", lambda *_, identity=identity: identity)
        kernel, disk = vm_image.ensure(engine, "debian13", print)
        assert (kernel, disk.name) == ("kernel:tag", built[-1])
    assert len(built) == 2
