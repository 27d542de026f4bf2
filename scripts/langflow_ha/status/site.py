"""What an inventory says about a site, and how to reach its nodes.

Shared by `status`, `drill`, `demo`, `compare` and `browser`: they all start from an inventory
directory, or from the name of a lab, which has one.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from langflow_ha import ROOT
from langflow_ha.lab.model import LABS

GROUPS = ("cluster", "balancer", "langflow", "etcd", "postgresql", "valkey", "minio")


class SiteError(Exception):
    """The inventory cannot be used; the text names the file or variable and the mend."""


@dataclass(frozen=True, slots=True)
class Node:
    """One machine: how Ansible reaches it and which parts it runs."""

    name: str
    address: str
    """Where SSH goes (`ansible_host`)."""
    cluster_address: str
    groups: frozenset[str]
    ssh: tuple[str, ...]
    """The ssh command up to and including the destination."""
    sudo: bool
    container: str = ""
    """Name of the lab's container; empty for a real machine."""
    address6: str = ""

    def command(self, remote: str) -> list[str]:
        """Return the argument vector that runs `remote` (shell text) as root on the node."""
        return [*self.ssh, f"sudo -n {remote}" if self.sudo else remote]


@dataclass(frozen=True, slots=True)
class Site:
    """A cluster as its inventory describes it. Passwords never show in `repr`."""

    name: str
    inventory: Path
    nodes: tuple[Node, ...]
    vip4: str
    vip6: str
    url: str
    """`https://<VIP>`, no slash at the end."""
    ca_file: Path | None
    """PEM of the CA that signed the edge certificate; None: the system's store."""
    superuser: str
    credentials: Mapping[str, str]
    production: bool
    mode: str
    lab: Path | None
    """`.lab/<name>` when this is a lab."""

    def __repr__(self) -> str:
        return f"Site({self.name}, {len(self.nodes)} nodes, {self.url})"

    @property
    def vips(self) -> tuple[str, ...]:
        """The virtual addresses in use, without prefix lengths."""
        return tuple(vip for vip in (self.vip4, self.vip6) if vip)

    @property
    def state_directory(self) -> Path:
        """Where records of this site go: in the lab, or `.drills/<site>` for a real one."""
        return (self.lab / "drills") if self.lab else ROOT / ".drills" / self.name

    def node(self, name: str) -> Node:
        """Return the node called `name`; KeyError when there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)


def _ssh_command(name: str, values: Mapping[str, Any], inventory: Path) -> tuple[str, ...]:
    """Build the ssh command that Ansible would use, without a pseudo terminal or any prompt.

    Connections are not shared (`ControlPath=none`): a shared one to a node that has just lost its
    power would hold up every later command.
    """
    command = ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=4"]
    command += ["-o", "ServerAliveInterval=2", "-o", "ServerAliveCountMax=2"]
    command += ["-o", "ControlPath=none", "-o", "LogLevel=ERROR"]
    key = values.get("ansible_ssh_private_key_file") or values.get("ansible_private_key_file")
    if key:
        path = Path(str(key)).expanduser()
        command += ["-i", str(path if path.is_absolute() else inventory / path)]
    if port := values.get("ansible_port") or values.get("ansible_ssh_port"):
        command += ["-p", str(port)]
    for variable in ("ansible_ssh_common_args", "ansible_ssh_extra_args"):
        command += shlex.split(str(values.get(variable) or ""))
    user = values.get("ansible_user") or values.get("ansible_ssh_user")
    host = str(values.get("ansible_host") or name)
    return (*command, f"{user}@{host}" if user else host)


def _inventory_variables(
    inventory: Path, vault_password_file: Path | None
) -> dict[str, dict[str, Any]]:
    """Return the variables of every host with Ansible's own rules, templates rendered.

    `ansible-inventory --list` leaves templates such as `{{ inventory_dir }}/ssh/id` as they are,
    and an SSH key's path is exactly where one writes that.
    """
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.parsing.vault import get_file_vault_secret
    from ansible.template import Templar
    from ansible.vars.manager import VariableManager

    wanted = re.compile(
        r"^(ansible_(host|port|user|become|ssh_|private_key)|vip_|site_name|cluster_)"
    )
    more = {"site_environment", "langflow_ha_mode", "langflow_superuser", "tls_ca_certificate"}
    more |= {"secret_langflow_superuser_password"}
    loader = DataLoader()
    try:
        if vault_password_file:
            secret = get_file_vault_secret(
                filename=str(vault_password_file.resolve()), loader=loader
            )
            secret.load()
            loader.set_vault_secrets([("default", secret)])
        manager = InventoryManager(loader=loader, sources=[str(inventory)])
        variables = VariableManager(loader=loader, inventory=manager)
        result = {}
        for host in manager.get_hosts():
            values = variables.get_vars(host=host)
            values["inventory_dir"] = str(inventory.resolve())
            templar = Templar(loader=loader, variables=values)
            result[host.name] = {
                name: templar.template(value)
                for name, value in values.items()
                if wanted.match(name) or name in more
            } | {"group_names": [group.name for group in host.get_groups()]}
    except AnsibleError as error:
        mend = (
            "; set ANSIBLE_VAULT_PASSWORD_FILE (a playbook asks this command too, and cannot hand on what was typed)"
            if "vault" in str(error).lower() and not vault_password_file
            else ""
        )
        raise SiteError(f"{inventory}: {str(error).rstrip('.')}{mend}") from error
    return result


def _bare(vip: Any) -> str:
    """Return the address of "198.18.10.100/24" without its prefix length; "" stays ""."""
    return str(ip_interface(str(vip)).ip) if vip else ""


def build_site(
    inventory: Path, hosts: Mapping[str, Mapping[str, Any]], lab: Mapping[str, Any] | None = None
) -> Site:
    """Make a `Site` of rendered host variables (`_inventory_variables`) and a lab's description."""
    members = {name: values for name, values in hosts.items() if _is_member(values)}
    if not members:
        raise SiteError(
            f"{inventory}: the group `cluster` is empty; name the nodes of the site in it"
        )
    shared = next(iter(members.values()))
    described = {node["name"]: node for node in (lab or {}).get("nodes", [])}
    nodes = tuple(
        Node(
            name=name,
            address=str(values.get("ansible_host") or name),
            cluster_address=str(
                values.get("cluster_address") or values.get("ansible_host") or name
            ),
            groups=frozenset(values.get("group_names", ())) & frozenset(GROUPS),
            ssh=_ssh_command(name, values, inventory),
            sudo=str(values.get("ansible_user") or "root") != "root",
            container=str(described.get(name, {}).get("container", "")),
            address6=str(described.get(name, {}).get("address6", "")),
        )
        for name, values in members.items()
    )
    vip4 = _bare(shared.get("vip_ipv4"))
    if not vip4:
        raise SiteError(
            f"{inventory}: vip_ipv4 is not set; give the virtual address, as in 192.0.2.10/24"
        )
    credentials = {}
    if password := shared.get("secret_langflow_superuser_password"):
        credentials["password"] = str(password)
    return Site(
        name=str((lab or {}).get("name") or shared.get("site_name") or "langflow"),
        inventory=inventory,
        nodes=nodes,
        vip4=vip4,
        vip6=_bare(shared.get("vip_ipv6")),
        url=str((lab or {}).get("url") or f"https://{shared.get('vip_fqdn') or vip4}").rstrip("/"),
        ca_file=_ca_file(shared, lab),
        superuser=str(shared.get("langflow_superuser") or "admin"),
        credentials=credentials,
        # Whatever is not said to be a laboratory is not treated as one; preflight refuses other words.
        production=shared.get("site_environment") != "test",
        mode=str(shared.get("langflow_ha_mode") or "active_active"),
        lab=inventory.parent if lab else None,
    )


def _is_member(values: Mapping[str, Any]) -> bool:
    return "cluster" in values.get("group_names", ())


def _ca_file(shared: Mapping[str, Any], lab: Mapping[str, Any] | None) -> Path | None:
    """Return the file with the site's CA: the lab's, or one written beside the records."""
    if lab and lab.get("ca_file"):
        return Path(str(lab["ca_file"]))
    pem = shared.get("tls_ca_certificate")
    if not pem:
        return None
    path = ROOT / ".drills" / f"{shared.get('site_name') or 'langflow'}-ca.crt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(str(pem), "utf-8")
    return path


def load_site(
    *, lab: str = "", inventory: Path | None = None, vault_password_file: Path | None = None
) -> Site:
    """Return the site of a lab's name or of an inventory directory; raises SiteError.

    The vault password file is, in this order: the one given, `$ANSIBLE_VAULT_PASSWORD_FILE`, the
    lab's own.
    """
    description: dict[str, Any] | None = None
    if inventory is None:
        file = LABS / (lab or "demo") / "lab.json"
        if not file.exists():
            raise SiteError(
                f"there is no lab called {lab or 'demo'} ({file} is missing); "
                "start one with `langflow-ha lab up`, or give --inventory"
            )
        description = lab_description(file)
        inventory = Path(str(description["inventory"]))
    if not inventory.exists():
        raise SiteError(f"inventory {inventory} does not exist")
    password = vault_password_file or _vault_password_file(description)
    hosts = _inventory_variables(inventory, password)
    return build_site(inventory, hosts, description)


def lab_description(file: Path) -> dict[str, Any]:
    """Return `lab.json` as `langflow-ha lab info --json` prints it, with the defaults filled in."""
    description = json.loads(file.read_text("utf-8"))
    if not isinstance(description, dict):
        raise SiteError(f"{file} holds no JSON object; run `langflow-ha lab up` again")
    description.setdefault("name", file.parent.name)
    description.setdefault("inventory", str(file.parent / "inventory"))
    return description


def _vault_password_file(description: Mapping[str, Any] | None) -> Path | None:
    if named := os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE"):
        return Path(named)
    if description is None:
        return None
    if given := description.get("vault_password_file"):
        return Path(str(given))
    return None
