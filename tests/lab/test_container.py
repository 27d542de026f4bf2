from __future__ import annotations

from langflow_ha.lab.container import SYSTEMD, node_command
from langflow_ha.lab.model import plan

LAB = plan("demo")


def test_nodes_are_not_privileged_and_cannot_set_the_clock() -> None:
    for v2 in (False, True):
        command = node_command(LAB, LAB.nodes[0], "image:tag", v2)
        assert "--privileged" not in command
        assert "SYS_TIME" not in command
        assert command[command.index("--ip") + 1] == "198.18.10.11"
        assert command[command.index("--ip6") + 1] == "fd00:198:18:10::11"


def test_every_node_has_the_same_storage_for_backups() -> None:
    for node in LAB.nodes:
        command = node_command(LAB, node, "image:tag", cgroup_v2=True)
        assert "lfha-demo-backup:/srv/langflow-backup" in command


def test_a_shared_directory_is_a_mount_of_the_node() -> None:
    lab = plan("s", "shared")
    command = node_command(lab, lab.nodes[0], "image:tag", cgroup_v2=True)
    assert f"{lab.directory.resolve()}/files:/srv/langflow" in command
    assert not any(
        word.endswith(":/srv/langflow") for word in node_command(LAB, LAB.nodes[0], "i", True)
    )


def test_cgroup_v1_shares_the_hosts_tree() -> None:
    command = node_command(LAB, LAB.nodes[0], "image:tag", cgroup_v2=False)
    assert command[-2:] == ["image:tag", SYSTEMD]
    assert command[command.index("--cgroupns") + 1] == "host"
    assert "/sys/fs/cgroup:/sys/fs/cgroup:rw" in command


def test_cgroup_v2_has_a_private_writable_tree() -> None:
    command = node_command(LAB, LAB.nodes[0], "image:tag", cgroup_v2=True)
    assert command[command.index("--cgroupns") + 1] == "private"
    assert not any("/sys/fs/cgroup:" in word for word in command)
    assert command[-1].startswith("mount -o remount,rw /sys/fs/cgroup")
