"""The order of the upgrade's plays, and what they do after a failure: real playbooks and role, stand-ins for the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from langflow_ha.preflight.specs import ROOT

NODES = ("n1", "n2")
"""The first holds the virtual address."""
OLD, NEW = "1.12.8", "1.13.0"
ENTRIES = {
    "langflow": ("install", "stop", "configure", "migrate", "go_back", "start"),
    "haproxy": ("drain", "undrain"),
    "verify": ("main", "flow"),
    "postgresql": ("databases",),
    "restore": tuple(p.stem for p in (ROOT / "roles/restore/tasks").glob("*.yml")),
}
DOES = {
    "langflow configure": "ln -sfn {{ upgrade_directory }}/releases/{{ upgrade_version }}-abc {{ upgrade_directory }}/current",
    "langflow go_back": "ln -sfn {{ langflow_former_release }} {{ upgrade_directory }}/current",
    "langflow migrate": "echo new > {{ world }}/schema",
    "restore found": "echo old > {{ world }}/schema",
}
"""What a stand-in does besides writing down that it was called."""
DETAIL = {
    "haproxy": " {{ balancer }}",
    "restore main": " {{ restore_what }} {{ restore_type }} {{ restore_target }} {{ restore_backup }} {{ restore_confirm }}",
}


@dataclass
class World:
    """Two nodes in a directory: releases, a link to the current one, and a schema that they share."""

    path: Path
    pending: list[str] = field(default_factory=list)
    harms: dict[str, list[str]] = field(default_factory=dict)
    healthy: bool = True
    backups: str = '{"refusals": []}'
    point: str = '{"point": "\'"$2"\'", "backup": "B1"}'
    fails: str = ""
    """`node role entry` of the call that fails."""

    def make(self) -> None:
        for node in NODES:
            releases = self.path / "nodes" / node / "releases"
            for version, known in ((OLD, "old"), (NEW, "old new")):
                (releases / f"{version}-abc").mkdir(parents=True)
                (releases / f"{version}-abc" / "known").write_text(known)
            (releases.parent / "current").symlink_to(releases / f"{OLD}-abc")
        (self.path / "schema").write_text("old")
        for role, entries in ENTRIES.items():
            for entry in entries:
                self._stand_in(role, entry)
        (self.path / "roles/upgrade").symlink_to(ROOT / "roles/upgrade")
        facts = {"_ansible_facts_gathered": True, "distribution_major_version": "13"}
        (self.path / "facts").mkdir()
        for host in (*NODES, "localhost"):
            (self.path / "facts" / host).write_text(json.dumps(facts))
        hosts = {
            "n1": {"upgrade_vip": "127.0.0.1", "cluster_address": "192.0.2.11"},
            "n2": {"upgrade_vip": "192.0.2.1", "cluster_address": "192.0.2.12"},
        }
        groups = ("cluster", "langflow", "balancer", "postgresql")
        inventory = {
            "all": {
                "vars": {
                    "ansible_connection": "local",
                    "ansible_python_interpreter": sys.executable,
                    "site_name": "blue",
                    "vip_ipv4": "192.0.2.100/24",
                    "backup_target": "directory",
                },
                "children": {g: {"hosts": hosts if g == "cluster" else {name: {} for name in hosts}} for g in groups},
            }
        }  # fmt: skip
        (self.path / "hosts.yml").write_text(yaml.safe_dump(inventory))
        (self.path / "log").write_text("")
        self.tools()

    def tools(self) -> None:
        """Write the commands that the role calls."""
        judged = json.dumps({"pending": self.pending, "harms": self.harms, "heads": ["new"]})
        because = [] if self.healthy else ["no LangFlow that is ready"]
        status = json.dumps(
            {
                "verdict": {
                    "can_fail_over": self.healthy,
                    "because": because,
                    "warnings": ["n2: x"],
                },
                "summary": {"postgresql_primaries": ["n1"]},
            }
        )
        self._tool(
            "langflow-ha",
            f"case $1 in bundle) echo '{judged}'; exit {3 if self.harms else 0} ;;"
            f" status) echo '{status}'; exit {int(not self.healthy)} ;; esac",
        )
        self._tool("systemctl", f"test ! -e {self.path}/stopped")
        self._tool("keeper", f"case $1 in point) echo '{self.point}' ;; plan) echo '{self.backups}' ;; esac")  # fmt: skip
        self._tool(
            "admin",
            f'case "$1" in schema) cat {self.path}/schema ;; migration-preflight) exit 2 ;;\n'
            f'--release) grep -qw "$(cat {self.path}/schema)" "$2/known" ;; esac',
        )

    def _tool(self, name: str, script: str) -> None:
        (self.path / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.path / name).chmod(0o755)

    def _stand_in(self, role: str, entry: str) -> None:
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
        fail = {
            "name": f"Fail {name}",
            "ansible.builtin.fail": {"msg": "as wanted"},
            "when": f"fails == inventory_hostname ~ ' {name}'",
        }
        group = {
            "name": "Choose the node that restores",
            "ansible.builtin.group_by": {
                "key": "restorer_{{ (inventory_hostname == 'n1') | lower }}"
            },
        }
        tasks = self.path / "roles" / role / "tasks"
        tasks.mkdir(parents=True, exist_ok=True)
        (tasks / f"{entry}.yml").write_text(
            yaml.safe_dump([note, fail, group] if name == "restore main" else [note, fail])
        )

    def run(self, playbook: str, *options: str, version: str = NEW) -> str:
        """Run a playbook; returns its output, and sets `code`."""
        self.tools()
        extra = {
            "world": str(self.path),
            "fails": self.fails,
            "langflow_version": version,
            "upgrade_yes": "blue",
            "upgrade_directory": f"{self.path}/nodes/{{{{ inventory_hostname }}}}",
            "upgrade_admin": f"{self.path}/admin",
            "__controller_command": f"{self.path}/langflow-ha",
            "upgrade_backup_command": f"{self.path}/keeper",
            "upgrade_dependent_units": [],
            "upgrade_databases": ["n1"],
        }
        done = subprocess.run(
            [
                Path(sys.executable).with_name("ansible-playbook"),
                f"--inventory={self.path}/hosts.yml",
                f"--extra-vars={json.dumps(extra)}",
                *options,
                ROOT / "playbooks" / playbook,
            ],
            env={
                **os.environ,
                "PATH": f"{self.path}:{os.environ['PATH']}",
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_ROLES_PATH": str(self.path / "roles"),
                "ANSIBLE_CACHE_PLUGIN": "jsonfile",
                "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.path / "facts"),
                "ANSIBLE_NOCOLOR": "1",
            },
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        self.code = done.returncode
        return " ".join((done.stdout + done.stderr).split())

    @property
    def log(self) -> list[str]:
        return (self.path / "log").read_text().splitlines()

    def calls(self, node: str, *roles: str) -> list[str]:
        """Return what was called for a node, without its name."""
        mine = [line.removeprefix(f"{node} ") for line in self.log if line.startswith(f"{node} ")]
        return [line for line in mine if not roles or line.split()[0] in roles]

    def versions(self) -> list[str]:
        links = [(self.path / "nodes" / node / "current").readlink() for node in NODES]
        return [link.name.removesuffix("-abc") for link in links]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.make()
    return made


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
RETURNED = ["langflow stop", "langflow go_back", "langflow start", "haproxy undrain n1", "haproxy undrain n2"]  # fmt: skip
HARMS = {"abc (Drop it)": ["drop column"]}


def test_a_roll_takes_one_node_after_the_other_and_the_holder_last(world: World) -> None:
    out = world.run("upgrade.yml")
    assert world.code == 0, out
    assert world.versions() == [NEW, NEW]
    for node in NODES:
        assert world.calls(node, "haproxy", "langflow", "verify")[1:9] == THROUGH
    changing = [line for line in world.log if "install" not in line and "verify main" not in line]
    assert [line.split()[0] for line in changing] == ["n2"] * 8 + ["n1"] * 8
    assert "langflow migrate" not in " ".join(world.log)
    assert "one node after the other" in out

    (world.path / "log").write_text("")
    out = world.run("upgrade.yml")
    assert world.code == 0 and "nothing to do" in out
    assert out.count("changed=0") == 2
    assert {line.split(" ", 1)[1] for line in world.log} == {"verify main"}


def test_a_node_that_fails_goes_back_and_so_do_those_before_it(world: World) -> None:
    world.fails = "n1 verify flow"
    out = world.run("upgrade.yml")
    assert world.code != 0 and "was not accepted. n1: Fail verify flow: as wanted" in out
    assert world.versions() == [OLD, OLD]
    assert world.calls("n1", "haproxy", "langflow", "verify")[1:12] == [*THROUGH[:6], *RETURNED]
    assert world.calls("n2", "haproxy", "langflow", "verify")[1:16] == [
        *THROUGH,
        *THROUGH[:2],
        *RETURNED,
    ]
    assert "The version before serves, and no data was taken back" in out


def test_nothing_is_restarted_where_only_the_drain_failed(world: World) -> None:
    world.fails = "n2 haproxy drain"
    world.run("upgrade.yml")
    assert world.code != 0 and world.versions() == [OLD, OLD]
    assert world.calls("n2", "langflow") == ["langflow install"]
    assert world.calls("n2", "haproxy")[-2:] == ["haproxy undrain n1", "haproxy undrain n2"]
    assert world.calls("n1", "haproxy") == []


def test_a_node_that_may_not_return_is_left_out_and_the_rest_goes_on_serving(world: World) -> None:
    """Its release does not know the schema any more: a start would rewrite it."""
    world.pending, world.fails = ["new"], "n1 langflow start"
    out = world.run("upgrade.yml")
    assert world.code != 0 and "n1 is stopped and out of traffic" in out
    assert world.versions() == [NEW, NEW]
    assert "langflow go_back" not in " ".join(world.log)
    assert world.calls("n1", "haproxy") == ["haproxy drain n1", "haproxy drain n2"]
    assert world.calls("n1", "langflow")[-1] == "langflow stop"
    migrated = [line for line in world.log if line.endswith("langflow migrate")]
    assert len(migrated) == 1 and world.log.index(migrated[0]) < world.log.index("n2 haproxy drain n1")  # fmt: skip

    world.fails, world.pending = "", []
    world.run("upgrade.yml")
    assert world.versions() == [NEW, NEW]


def test_a_stop_stops_all_before_it_migrates_once_and_starts_all(world: World) -> None:
    world.pending, world.harms = ["new"], HARMS
    out = world.run("upgrade.yml")
    assert world.code == 0, out
    assert world.versions() == [NEW, NEW]
    steps = [line.split(" ", 1)[1] for line in world.log if "verify main" not in line]
    assert steps == [
        *["langflow install"] * 2,
        *["langflow stop"] * 2,
        "langflow migrate",
        *["langflow configure"] * 2,
        *["langflow start"] * 2,
        *["verify flow"] * 2,
    ]
    assert "forbids two versions beside each other: abc (Drop it): drop column" in out
    for node in NODES:
        record = json.loads((world.path / "nodes" / node / "upgrade.json").read_text())
        assert record["version"] == OLD and record["schema"] == ["old"] and record["backup"] == "B1"
        assert record["point"].startswith("upgrade-1.12.8-to-1.13.0-")


@pytest.mark.parametrize("fails", ["n1 langflow migrate", "n2 langflow start", "n2 verify flow"])
def test_a_stop_that_fails_restores_the_moment_of_the_stop(world: World, fails: str) -> None:
    world.pending, world.harms, world.fails = ["new"], HARMS, fails
    out = world.run("upgrade.yml")
    assert world.code != 0 and "was not accepted" in out, out
    assert "The database is the one of the restore point" in out
    assert world.versions() == [OLD, OLD]
    assert (world.path / "schema").read_text() == "old\n"
    point = json.loads((world.path / "nodes/n1/upgrade.json").read_text())["point"]
    assert f"n1 restore main database name {point} B1 blue" in world.log
    for node in NODES:
        calls = world.calls(node, "langflow")
        assert calls[-3:] == ["langflow stop", "langflow go_back", "langflow start"]
    restored = world.log.index("n1 restore found")
    assert restored < world.log.index("n1 langflow start", restored)


def test_without_a_restore_point_nothing_is_migrated_and_nothing_restored(world: World) -> None:
    world.pending, world.harms, world.point = ["new"], HARMS, '{"point": ""}'
    out = world.run("upgrade.yml")
    assert world.code != 0 and "No database node wrote a restore point" in out
    assert world.versions() == [OLD, OLD]
    assert not [line for line in world.log if "migrate" in line or "restore" in line]
    assert [calls[-1] for node in NODES if (calls := world.calls(node, "langflow"))] == ["langflow start"] * 2  # fmt: skip
    assert "no data was taken back" in out


def test_check_says_the_way_and_does_nothing(world: World) -> None:
    world.pending, world.harms = ["new"], HARMS
    out = world.run("upgrade.yml", "--check")
    assert world.code == 0, out
    assert "an announced stop of a few minutes" in out and "abc (Drop it): drop column" in out
    assert world.versions() == [OLD, OLD] and world.log == []
    assert not (world.path / "nodes/n1/upgrade.json").exists()


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({}, ["-e", "upgrade_yes=green"], '"green" is not this site\'s name'),
        ({}, ["--limit", "n1"], "n2 would be left out: run it without --limit"),
        ({"healthy": False}, [], "[health] the cluster cannot fail over now: no LangFlow that is"),
        ({"backups": '{"refusals": ["too little room"]}'}, [], "[backup] too little room"),
    ],
)
def test_what_speaks_against_it_is_refused_before_any_change(
    world: World, change: dict[str, Any], options: list[str], words: str
) -> None:
    for name, value in change.items():
        setattr(world, name, value)
    out = world.run("upgrade.yml", *options)
    assert world.code != 0 and words in out, out
    assert world.log == [] and world.versions() == [OLD, OLD]


def test_what_is_known_can_be_taken(world: World) -> None:
    world.healthy = False
    world.run("upgrade.yml", "-e", '{"upgrade_accept": ["health"]}')
    assert world.code == 0 and world.versions() == [NEW, NEW]


def test_what_an_interruption_left_stopped_is_started(world: World) -> None:
    """The links point to the new release already, and nothing runs."""
    world.run("upgrade.yml")
    (world.path / "log").write_text("")
    (world.path / "stopped").touch()
    world.healthy = False
    world.run("upgrade.yml", "-e", '{"upgrade_accept": ["health"]}')
    assert world.code == 0
    for node in NODES:
        assert "langflow start" in world.calls(node)


def test_an_undo_rolls_where_the_schema_is_the_same(world: World) -> None:
    world.run("upgrade.yml")
    (world.path / "log").write_text("")
    out = world.run("upgrade_undo.yml")
    assert world.code != 0 and "set langflow_version to that first" in out and world.log == []
    out = world.run("upgrade_undo.yml", version=OLD)
    assert world.code == 0, out
    assert world.versions() == [OLD, OLD]
    for node in NODES:
        assert world.calls(node, "haproxy", "langflow", "verify")[1:9] == THROUGH


def test_an_undo_over_a_migration_restores_and_says_what_that_costs(world: World) -> None:
    world.pending, world.harms = ["new"], HARMS
    world.run("upgrade.yml")
    (world.path / "log").write_text("")
    out = world.run("upgrade_undo.yml", "-e", "upgrade_yes=green", version=OLD)
    assert world.code != 0 and "is gone from it" in out and world.log == []
    out = world.run("upgrade_undo.yml", version=OLD)
    assert world.code == 0, out
    assert world.versions() == [OLD, OLD] and (world.path / "schema").read_text() == "old\n"
    assert "restore found" in world.calls("n1")
    assert world.calls("n2", "langflow")[-3:] == ["langflow stop", "langflow go_back", "langflow start"]  # fmt: skip


def test_an_undo_without_an_upgrade_has_no_way_back(world: World) -> None:
    out = world.run("upgrade_undo.yml", version=OLD)
    assert world.code != 0 and "upgrade.json is not there" in out and world.log == []
