"""Real playbooks and roles on two nodes in a directory, with stand-ins for the roles that do the work."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from langflow_ha.preflight.specs import ROOT
from playbook_helpers import run_playbook, said

NODES = ("n1", "n2")
"""The first holds the virtual address."""
OLD, NEW = "1.12.8", "1.13.0"
ENTRIES = {
    "langflow": ("install", "stop", "configure", "migrate", "go_back", "start", "restart"),
    "haproxy": ("drain", "undrain", "restart"),
    "health_agent": ("await_others", "restart", "await"),
    "verify": ("main", "flow"),
    "postgresql": ("databases", "hand_over", "restart", "await"),
    "valkey": ("hand_over", "restart", "wait"),
    "keepalived": ("locate", "restart", "await"),
    "etcd": ("restart", "await"),
    "minio": ("restart", "wait", "fill"),
    "backend_proxy": ("restart", "wait"),
    "alertmanager": ("silence", "lift"),
    "restore": tuple(p.stem for p in (ROOT / "roles/restore/tasks").glob("*.yml")),
}
REAL = ("upgrade", "maintenance", "switchover", "canary")
"""Roles that are what is tested."""
DOES = {
    "langflow configure": "ln -sfn {{ upgrade_directory }}/releases/{{ upgrade_version }}-abc {{ upgrade_directory }}/current",
    "langflow go_back": "ln -sfn {{ langflow_former_release }} {{ upgrade_directory }}/current",
    "langflow migrate": "echo new > {{ world }}/schema",
    "restore found": "echo old > {{ world }}/schema",
}
"""What a stand-in does besides writing down that it was called."""
THROUGH = [
    "haproxy drain n1",
    "haproxy drain n2",
    "langflow stop",
    "langflow configure",
    "langflow start",
    "verify flow",
    "haproxy undrain n1",
    "haproxy undrain n2",
]
"""A node that changes over in a roll."""
RETURNED = ["langflow stop", "langflow go_back", "langflow start", "haproxy undrain n1", "haproxy undrain n2"]  # fmt: skip
"""One that is drained and goes back."""
DETAIL = {
    "postgresql hand_over": " {{ postgresql_successor | default('') }}",
    "haproxy": " {{ balancer | default('') }}",
    "alertmanager silence": " {{ alertmanager_address }} {{ alertmanager_silence_name }} {{ alertmanager_silence_duration }} {{ alertmanager_silence_matchers | flatten | join('; ') }}",
    "alertmanager lift": " {{ alertmanager_address }} {{ alertmanager_silence_name }}",
    "restore main": " {{ restore_what }} {{ restore_type }} {{ restore_target }} {{ restore_backup }} {{ restore_confirm }}",
}


@dataclass
class World:
    """Two nodes in a directory: releases, a link to the current one, and a schema that they share."""

    path: Path
    facts: Path
    """Where Ansible keeps what it has gathered: once for all worlds, for their nodes are this machine."""
    pending: list[str] = field(default_factory=list)
    harms: dict[str, list[str]] = field(default_factory=dict)
    healthy: bool = True
    backups: str = '{"refusals": []}'
    traffic: dict[str, str] = field(default_factory=dict)
    """What the balancers say of a node's LangFlow."""
    monitoring: tuple[str, ...] = NODES
    further: tuple[str, ...] = ()
    """More groups, each with every node."""
    unasked: tuple[str, ...] = ()
    """Nodes that `langflow-ha status` could not ask."""
    point: str = '{"point": "\'"$2"\'", "backup": "B1"}'
    verdict: tuple[int, str] = (3, "undecided: not enough requests")
    """Exit code of `langflow-ha canary`, and what it says."""
    fails: str = ""
    """`node role entry` of the call that fails; `any` is any node."""
    entries: dict[str, tuple[str, ...]] = field(default_factory=ENTRIES.copy)
    """What has a stand-in: role -> entries."""

    loses: str = ""
    """`node role entry` of the call in which the node is gone."""

    def make(self) -> None:
        for node in NODES:
            releases = self.path / "nodes" / node / "releases"
            for version, known in ((OLD, "old"), (NEW, "old new")):
                (releases / f"{version}-abc").mkdir(parents=True)
                (releases / f"{version}-abc" / "known").write_text(known)
            (releases.parent / "current").symlink_to(releases / f"{OLD}-abc")
        (self.path / "schema").write_text("old")
        (self.path / "roles").mkdir()
        for role in REAL:
            (self.path / "roles" / role).symlink_to(ROOT / "roles" / role)
        hosts = {
            "n1": {"upgrade_vip": "127.0.0.1", "cluster_address": "192.0.2.11"},
            "n2": {"upgrade_vip": "192.0.2.1", "cluster_address": "192.0.2.12"},
        }
        groups = (
            "cluster",
            "langflow",
            "balancer",
            "postgresql",
            "valkey",
            "monitoring",
            *self.further,
        )
        members = {"cluster": hosts, "monitoring": {name: {} for name in self.monitoring}}
        inventory = {
            "all": {
                "vars": {
                    "ansible_connection": "local",
                    "ansible_python_interpreter": sys.executable,
                    "site_name": "blue",
                    "vip_ipv4": "192.0.2.100/24",
                    "backup_target": "directory",
                },
                "children": {
                    g: {"hosts": members.get(g, {name: {} for name in hosts})} for g in groups},
            }
        }  # fmt: skip
        (self.path / "hosts.yml").write_text(yaml.safe_dump(inventory))
        (self.path / "log").write_text("")
        self.tools()

    def tools(self) -> None:
        """Write the commands that the role calls."""
        judged = json.dumps({"pending": self.pending, "harms": self.harms, "heads": ["new"]})
        compared = json.dumps({"lines": [f"verdict: {self.verdict[1]}"]})
        because = [] if self.healthy else ["no LangFlow that is ready"]
        status = json.dumps(
            {
                "verdict": {
                    "can_fail_over": self.healthy,
                    "because": because,
                    "warnings": ["n2: x"],
                },
                "summary": {
                    "vip_owners": ["n1"],
                    "postgresql_primaries": ["n1"],
                    "valkey_masters": ["n2"],
                    "synchronous_standbys": ["n2"],
                },
                "nodes": [
                    {
                        "name": n,
                        "traffic": self.traffic.get(n, "UP"),
                        "error": "no answer" if n in self.unasked else "",
                    }
                    for n in NODES
                ],
            }
        )
        self._tool(
            "langflow-ha",
            f"case $1 in bundle) echo '{judged}'; exit {3 if self.harms else 0} ;;"
            f" status) echo '{status}'; exit {int(not self.healthy)} ;;"
            f""" canary) echo "$*" > {self.path}/compared; echo '{compared}'; exit {self.verdict[0]} ;; esac""",
        )
        for node in NODES:
            # Its share is in a file, as on a node.
            share = f"{self.path}/nodes/{node}/share"
            self._tool(
                f"nodes/{node}/agent",
                f"case $2 in on) echo $4 > {share} || exit 1 ;; off) rm -f {share} ;; esac\n"
                f'test -e {share} && echo "canary is on, with $(cat {share}) % of it" || echo canary is off',
            )
        self._tool("systemctl", f"test ! -e {self.path}/stopped")
        self._tool("keeper", f"case $1 in point) echo '{self.point}' ;; plan) echo '{self.backups}' ;; esac")  # fmt: skip
        self._tool(
            "agent",
            f"case $2 in show) test -e {self.path}/out && echo maintenance is on || echo maintenance is off ;;"
            f" on) touch {self.path}/out ;; off) rm {self.path}/out ;; esac",
        )
        self._tool(
            "admin",
            f'case "$1" in schema) cat {self.path}/schema ;; migration-preflight) exit 2 ;;\n'
            f'--release) grep -qw "$(cat {self.path}/schema)" "$2/known" ;; esac',
        )

    def _tool(self, name: str, script: str) -> None:
        (self.path / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.path / name).chmod(0o755)

    def stand_ins(self) -> None:
        """Write the roles that do nothing but note that they were called, and fail where they are to."""
        for role, entries in self.entries.items():
            for entry in entries:
                self.stand_in(role, entry)

    def stand_in(self, role: str, entry: str) -> None:
        name = f"{role} {entry}"
        detail = DETAIL.get(name, DETAIL.get(role, ""))
        # Run by the controller itself: a module for each would take the test a minute.
        does = f"{DOES[name]}; " if name in DOES else ""
        line = f"{{{{ inventory_hostname }}}} {name}{detail}"
        command = f"{{% set command %}}{does}echo '{line}' >> {{{{ world }}}}/log{{% endset %}}"
        note = {
            "name": f"Note {name}",
            "ansible.builtin.debug": {"msg": f"{command}{{{{ lookup('pipe', command) }}}}"},
            "when": "not ansible_check_mode",
        }
        # Only where one is wanted: a skipped task takes as long as one that runs.
        fail = {
            "name": f"Fail {name}",
            "ansible.builtin.fail": {"msg": "as wanted.\n"},
            "when": f"fails in [inventory_hostname ~ ' {name}', 'any {name}']",
        }
        lost = f"loses in [inventory_hostname ~ ' {name}', 'any {name}']"
        lose = [
            {
                "name": f"Lose the node in {name}",
                "ansible.builtin.set_fact": {
                    "ansible_connection": "ssh",
                    "ansible_host": "127.0.0.1",
                    "ansible_port": 1,
                },
                "when": lost,
            },
            {"name": f"Reach the node in {name}", "ansible.builtin.ping": None, "when": lost},
        ]
        harm = [
            *([fail] if self.fails.endswith(f" {name}") else []),
            *(lose if self.loses.endswith(f" {name}") else []),
        ]
        key = {"restore main": "restorer", "keepalived locate": "vip_owner"}.get(name, "")
        group = {
            "name": "Group the nodes",
            "ansible.builtin.group_by": {
                "key": f"{key}_{{{{ (inventory_hostname == 'n1') | lower }}}}"
            },
        }
        directory = self.path / "roles" / role
        # It would be written into the project.
        assert not directory.is_symlink(), f"{role} is a real role"
        tasks = directory / "tasks"
        tasks.mkdir(parents=True, exist_ok=True)
        (tasks / f"{entry}.yml").write_text(
            yaml.safe_dump([note, *harm, *([group] if key else [])])
        )

    def run(self, playbook: str, *options: str, version: str = NEW) -> str:
        """Run a playbook; returns its output, and sets `code`."""
        self.tools()
        self.stand_ins()
        extra = {
            "world": str(self.path),
            "fails": self.fails,
            "loses": self.loses,
            "langflow_version": version,
            "upgrade_yes": "blue",
            "__patience": 1,
            "upgrade_directory": f"{self.path}/nodes/{{{{ inventory_hostname }}}}",
            "upgrade_admin": f"{self.path}/admin",
            "__controller_command": f"{self.path}/langflow-ha",
            "upgrade_backup_command": f"{self.path}/keeper",
            "maintenance_command": f"{self.path}/agent",
            "canary_agent": f"{self.path}/nodes/{{{{ inventory_hostname }}}}/agent",
            "upgrade_dependent_units": [],
            "upgrade_databases": ["n1"],
        }
        done = run_playbook(
            f"--inventory={self.path}/hosts.yml",
            f"--extra-vars={json.dumps(extra)}",
            *options,
            ROOT / "playbooks" / playbook,
            timeout=1800,  # it runs beside other work, at a low priority
            path=self.path,
            ANSIBLE_ROLES_PATH=str(self.path / "roles"),
            ANSIBLE_CACHE_PLUGIN="jsonfile",
            ANSIBLE_CACHE_PLUGIN_CONNECTION=str(self.facts),
            ANSIBLE_PIPELINING="1",
        )
        self.code = done.returncode
        return said(done)

    @property
    def log(self) -> list[str]:
        """What was called, in this order, besides silences."""
        return [line for line in self._lines if " alertmanager " not in line]

    @property
    def silences(self) -> list[str]:
        """What Alertmanager was told: entry, address, name of the work, and for a silence how long and which alerts."""
        return [line.split(" alertmanager ")[1] for line in self._lines if " alertmanager " in line]

    @property
    def _lines(self) -> list[str]:
        return (self.path / "log").read_text().splitlines()

    def calls(self, node: str, *roles: str) -> list[str]:
        """Return what was called for a node, without its name."""
        mine = [line.removeprefix(f"{node} ") for line in self.log if line.startswith(f"{node} ")]
        return [line for line in mine if not roles or line.split()[0] in roles]

    def shares(self) -> dict[str, str]:
        """The nodes with less than a full share of traffic, and how many percent of one they have."""
        files = {node: self.path / "nodes" / node / "share" for node in NODES}
        return {node: file.read_text().strip() for node, file in files.items() if file.exists()}

    def versions(self) -> list[str]:
        links = [(self.path / "nodes" / node / "current").readlink() for node in NODES]
        return [link.name.removesuffix("-abc") for link in links]
