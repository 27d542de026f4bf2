from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from langflow_ha.lab import inventory, model, service
from langflow_ha.lab.host import Mirrors
from langflow_ha.lab.image import recipe
from langflow_ha.lab.model import BACKUPS, LabError, plan


def test_hosts_are_in_the_groups_of_their_node() -> None:
    children = inventory.hosts(plan("t", "tiers"))["all"]["children"]
    assert list(children["cluster"]["hosts"]) == ["db1", "app1", "app2"]
    assert list(children["balancer"]["hosts"]) == ["app1", "app2"]
    assert list(children["minio"]["hosts"]) == ["db1"]
    assert children["cluster"]["hosts"]["app2"] == {
        "ansible_host": "198.18.10.13",
        "cluster_further_addresses": ["fd00:198:18:10::13"],
    }


def test_host_keys_are_checked() -> None:
    arguments = inventory.hosts(plan("t"))["all"]["vars"]["ansible_ssh_common_args"]
    assert "StrictHostKeyChecking=yes" in arguments


def test_site_variables() -> None:
    values = inventory.variables(plan("demo"), [], ("", []))
    assert values["vip_ipv4"] == "198.18.10.100/24"
    assert values["vip_ipv6"] == "fd00:198:18:10::100/64"
    assert values["time_sync_enabled"] is False
    assert values["site_environment"] == "test"
    assert (values["backup_target"], values["backup_directory"]) == ("directory", BACKUPS)
    assert "extra_ca_certificates" not in values
    assert "http_proxy_url" not in values


def test_a_machine_with_a_kernel_of_its_own_gets_all_kernel_settings() -> None:
    assert "base_sysctl" in inventory.variables(plan("demo"), [], ("", []))
    values = inventory.variables(plan("v", "vms"), [], ("", []))
    assert "base_sysctl" not in values
    assert values["postgresql_watchdog_device"] == "/dev/watchdog1"


def test_only_what_a_lab_cannot_have_is_not_asked_of_it() -> None:
    found = {
        topology: inventory.variables(plan("x", topology), [], ("", [])).get("preflight_skip")
        for topology in ("standard", "tiers", "vms")
    }
    assert found == {"standard": None, "tiers": ["sizes"], "vms": ["sizes", "cpus"]}


def test_a_group_without_nodes_is_there_too() -> None:
    children = inventory.hosts(plan("v", "vms"))["all"]["children"]
    assert children["langflow"] == {"hosts": {}}
    assert list(children["etcd"]["hosts"]) == ["n1", "n2", "n3"]


def test_labs_with_files_on_nfs_say_where() -> None:
    own = inventory.variables(plan("x", "nfs"), [], ("", []))
    assert own["storage_backend"] == "nfs"
    assert "external_shared_directory" not in own
    mounted = inventory.variables(plan("x", "shared"), [], ("", []))
    assert mounted["external_shared_directory"] == "/srv/langflow"


def test_a_lab_for_a_store_of_somebody_else_trusts_its_authority() -> None:
    lab = plan("x", "s3")
    values = inventory.variables(lab, [Path("/x/extra-1.crt")], ("", []))
    assert values["storage_backend"] == values["backup_target"] == "s3"
    assert (
        values["external_s3_endpoint"]
        == values["backup_s3_endpoint"]
        == "https://198.18.10.200:7070"
    )
    assert values["extra_ca_certificates"] == ["/x/extra-1.crt", str(lab.store_ca_file)]


def test_a_proxy_is_not_used_inside_the_cluster() -> None:
    values = inventory.variables(
        plan("demo"), [Path("/x/extra-1.crt")], ("http://p.example:1", ["a.example"])
    )
    assert values["extra_ca_certificates"] == ["/x/extra-1.crt"]
    assert values["no_proxy_hosts"][0] == "a.example"
    assert {"198.18.10.100", "198.18.10.11"} <= set(values["no_proxy_hosts"])


def test_inventory_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "LABS", tmp_path)
    lab = plan("demo")
    lines: list[str] = []
    inventory.write(lab, lines.append)
    assert lab.ca_file.read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert lab.credentials_file.stat().st_mode & 0o777 == 0o600
    assert lab.vault_password_file.stat().st_mode & 0o777 == 0o600
    assert (lab.inventory / "group_vars/all/vault.yml").read_text().startswith("$ANSIBLE_VAULT")
    first = lab.credentials_file.read_text()
    inventory.write(lab, lines.append)
    assert lab.credentials_file.read_text() == first
    assert len(lines) == 1
    assert yaml.safe_load((lab.inventory / "hosts.yml").read_text()) == inventory.hosts(lab)


def test_power_commands_need_nodes_or_all() -> None:
    lab = plan("demo")
    assert [node.name for node in service.select(lab, ["n3", "n1"], every=False)] == ["n3", "n1"]
    assert service.select(lab, [], every=True) == list(lab.nodes)
    for nodes, every in (([], False), (["n1"], True)):
        with pytest.raises(LabError, match="--all"):
            service.select(lab, nodes, every)


def test_an_images_tag_follows_its_recipe() -> None:
    here = Mirrors("http://a.example/debian", "http://a.example/security")
    assert recipe("debian13", here).tag == recipe("debian13", here).tag
    assert recipe("debian13", here).tag != recipe("debian12", here).tag
    assert recipe("debian13", here).tag != recipe("debian13", Mirrors()).tag
    assert recipe("debian13", Mirrors()).command()[-1] == "-"
