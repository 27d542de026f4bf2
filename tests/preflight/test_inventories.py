"""The inventories in the repository, through ansible-playbook: good once filled in, refused before."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from langflow_ha.preflight.specs import ROOT
from langflow_ha.secrets.init import create_password_file, init_secrets
from playbook_helpers import run_playbook

INVENTORIES = sorted(path.name for path in (ROOT / "inventories").iterdir() if path.is_dir())
EXAMPLE = re.compile(r"CHANGE_ME +# e\.g\. (\S+)")


def preflight(inventory: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the half of preflight that reaches no node."""
    return run_playbook("-i", inventory, *options, ROOT / "playbooks/preflight_inventory.yml")


def filled_in(name: str, target: Path) -> list[str | Path]:
    """Copy an inventory with the examples beside its CHANGE_ME as values, and make its secrets."""
    shutil.copytree(ROOT / "inventories" / name, target)
    for path in target.rglob("*.yml"):
        path.write_text(EXAMPLE.sub(r"\1", path.read_text("utf-8")), "utf-8")
    password_file = target.parent / "vault-password"
    create_password_file(password_file)
    init_secrets(target, password_file, "langflow")
    return ["--vault-password-file", password_file]


def test_there_are_inventories() -> None:
    assert {"minimal", "scale", "standard"} <= set(INVENTORIES)


@pytest.mark.parametrize("name", INVENTORIES)
def test_filled_in_it_has_no_problem(name: str, tmp_path: Path) -> None:
    options = filled_in(name, tmp_path / "inventory")
    result = preflight(tmp_path / "inventory", *options)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "changed=0" in result.stdout


def test_as_shipped_it_says_what_is_left_to_fill_in() -> None:
    result = preflight(ROOT / "inventories" / "standard")
    assert result.returncode == 2
    assert re.findall(r"^ +\d+\. (.*)", result.stdout, re.M) == [
        "ansible_host of n1 = CHANGE_ME  [placeholder]",
        "ansible_host of n2 = CHANGE_ME  [placeholder]",
        "ansible_host of n3 = CHANGE_ME  [placeholder]",
        "backup_target = CHANGE_ME  [placeholder]",
        "operator_networks = ['CHANGE_ME']  [placeholder]",
        "vip_fqdn = CHANGE_ME  [placeholder]",
        "vip_ipv4 = CHANGE_ME  [placeholder]",
        "tls_ca_certificate  [required]",
        "secret_*  [secret]",
    ]


NFS = {
    "filer": ("external_nfs_server", "external_nfs_export", "shared_files_owner_id"),
    "mounted": ("external_shared_directory",),
    "server": ("nfs_exported_directory",),
}
"""The ways to have files on NFS, by the lines of inventories/minimal that have to be uncommented."""


@pytest.mark.parametrize("way", NFS)
def test_minimal_takes_nfs_as_its_comments_say(way: str, tmp_path: Path) -> None:
    options = filled_in("minimal", tmp_path / "inventory")
    variables = tmp_path / "inventory" / "group_vars" / "all" / "main.yml"
    text = variables.read_text("utf-8").replace("storage_backend: s3", "storage_backend: nfs")
    for name in NFS[way]:
        text, count = re.subn(rf"^# +({name}: )", r"\1", text, flags=re.M)
        assert count == 1, name
    variables.write_text(text, "utf-8")
    if way == "server":
        hosts = tmp_path / "inventory" / "hosts.yml"
        head, tail = hosts.read_text("utf-8").split("    # nfs_server:")
        hosts.write_text(head + "    nfs_server:" + tail.replace("    # ", "    "), "utf-8")
    result = preflight(tmp_path / "inventory", *options)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "note: storage_backend = nfs" in result.stdout
    assert ("single point of failure" in " ".join(result.stdout.split())) == (way == "server")


def test_command_line_variables_are_checked_too(tmp_path: Path) -> None:
    options = filled_in("standard", tmp_path / "inventory")
    result = preflight(tmp_path / "inventory", *options, "-e", "vip_timming=fast")
    assert result.returncode == 2
    assert "1. vip_timming = fast  [unknown]" in result.stdout
    assert "did you mean vip_timing?" in result.stdout


def test_empty_inventory_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "hosts.yml"
    empty.write_text("---\nall:\n  hosts: {}\n")
    result = preflight(empty)
    assert result.returncode == 2
    assert "there is no host in it" in result.stdout
