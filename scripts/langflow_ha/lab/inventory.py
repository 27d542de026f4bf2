"""Writes a lab's inventory directory: what an operator would have copied from inventories/standard."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from langflow_ha.lab import host
from langflow_ha.lab.model import (
    BACKUPS,
    CONTAINER,
    GROUPS,
    SHARE,
    SHARED_OWNER,
    STORE_PORT,
    VM,
    Lab,
)
from langflow_ha.secrets.init import create_password_file, init_secrets, paths
from langflow_ha.secrets.vault import Vault, write_private

NOTE = "# Written by `langflow-ha lab up`; changes here are lost at the next one.\n"


def hosts(lab: Lab) -> dict[str, Any]:
    """Return the content of hosts.yml: every node, how to reach it, and who is in which group."""
    groups: dict[str, Any] = {
        "cluster": {
            "hosts": {
                node.name: {
                    "ansible_host": node.address,
                    "cluster_further_addresses": [node.address6],
                }
                for node in lab.nodes
            }
        }
    }
    for group in dict.fromkeys((*GROUPS, *(group for node in lab.nodes for group in node.groups))):
        members = [node.name for node in lab.nodes if group in node.groups]
        groups[group] = {"hosts": {name: {} for name in members}}
    options = f"-o UserKnownHostsFile={lab.known_hosts} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes"
    return {
        "all": {
            "vars": {
                "ansible_user": "root",
                "ansible_ssh_private_key_file": str(lab.ssh_key),
                "ansible_ssh_common_args": options,
            },
            "children": groups,
        }
    }


def variables(lab: Lab, extra_cas: list[Path], proxy: tuple[str, list[str]]) -> dict[str, Any]:
    """Return the site variables of a lab: the defaults of a site, minus what containers cannot have."""
    url, direct = proxy
    own = [str(lab.vip), *(node.address for node in lab.nodes)]
    values: dict[str, Any] = {
        "site_name": lab.name,
        "vip_ipv4": f"{lab.vip}/{lab.subnet.partition('/')[2]}",
        "vip_ipv6": f"{lab.vip6}/{lab.subnet6.partition('/')[2]}",
        "vip_router_id": 51,
        "langflow_ha_mode": lab.mode,
        "storage_backend": "minio",
        # A container shares the clock of its host, and must not set it; a VM of a lab has no server to ask.
        "time_sync_enabled": False,
        "site_environment": "test",
        # No node of a lab has a disk for the store alone.
        "minio_allow_root_disk": True,
        "operator_networks": [lab.subnet, lab.subnet6],
    }
    if any(node.kind == CONTAINER for node in lab.nodes):
        # Every container has it mounted; it outlives the nodes, not the lab.
        values |= {"backup_target": "directory", "backup_directory": BACKUPS}
        # A container shares the kernel: only settings of the network are its own.
        values["base_sysctl"] = {"net.core.somaxconn": "4096", "net.ipv4.tcp_retries2": "8"}
    if lab.shared_files or any("nfs_server" in node.groups for node in lab.nodes):
        values["storage_backend"] = "nfs"
        values["shared_files_owner_id"] = SHARED_OWNER
    if lab.shared_files:
        values["external_shared_directory"] = SHARE
    if lab.topology == "s3":
        endpoint = f"https://{lab.store_address}:{STORE_PORT}"
        values["storage_backend"] = "s3"
        values |= {"external_s3_endpoint": endpoint, "external_s3_bucket": "langflow"}
        values["backup_target"] = "s3"
        values |= {"backup_s3_endpoint": endpoint, "backup_s3_bucket": "langflow-backup"}
        extra_cas = [*extra_cas, lab.store_ca_file]
    skipped = []
    if lab.topology not in ("standard", "shared"):
        # One node for all state is enough to see tiers work, and databases without LangFlow to see how they
        # take a fault; no site may do that.
        skipped.append("sizes")
    if any(node.kind == VM for node in lab.nodes):
        # User-mode Linux runs on one processor, its first watchdog is a program outside, and Debian's is built
        # without nftables for IP.
        skipped.append("cpus")
        values["postgresql_watchdog_device"] = "/dev/watchdog1"
        values["firewall_enabled"] = False
    if skipped:
        values["preflight_skip"] = skipped
    if extra_cas:
        values["extra_ca_certificates"] = [str(path) for path in extra_cas]
    if url:
        values["http_proxy_url"] = url
        values["no_proxy_hosts"] = [*direct, *own]
    return values


def _write(path: Path, values: dict[str, Any]) -> None:
    text = "---\n" + NOTE + yaml.safe_dump(values, sort_keys=False, width=1 << 16)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def _extra_cas(lab: Lab) -> list[Path]:
    """Write this machine's extra CA certificates into the lab's directory, one file each."""
    files = []
    for number, pem in enumerate(host.extra_cas(), start=1):
        file = lab.directory / "extra-ca" / f"extra-{number}.crt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(pem, "utf-8")
        files.append(file)
    return files


def write(lab: Lab, say: Callable[[str], None]) -> None:
    """Write the inventory, its vault, and the two files for people: CA certificate and credentials."""
    _write(lab.inventory / "hosts.yml", hosts(lab))
    _write(
        lab.inventory / "group_vars" / "all" / "main.yml",
        variables(lab, _extra_cas(lab), host.proxy(os.environ)),
    )
    create_password_file(lab.vault_password_file)
    outcome = init_secrets(lab.inventory, lab.vault_password_file, lab.name)
    if outcome.created:
        say(f"made {len(outcome.created)} secrets in {lab.inventory}/group_vars/all/vault.yml")
    vault_file, ca_file = paths(lab.inventory)
    authority = yaml.safe_load(ca_file.read_text("utf-8"))["tls_ca_certificate"]
    lab.ca_file.write_text(authority, "utf-8")
    secrets = Vault(vault_file, lab.vault_password_file).read()
    credentials = f"username=admin\npassword={secrets['secret_langflow_superuser_password']}\n"
    write_private(lab.credentials_file, credentials.encode("utf-8"))
