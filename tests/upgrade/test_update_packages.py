"""Packages, node by node: the order, what is restarted or booted, and where it stops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from langflow_ha.preflight.specs import ROOT
from upgrade_helpers import DETAIL, DOES, World

pytest_plugins = ["upgrade_fixtures"]
pytestmark = pytest.mark.playbooks

ROLE = ROOT / "roles/update_packages"
NOTHING: dict[str, Any] = {
    "changes": [],
    "kept_back": [],
    "held": [],
    "unknown": [],
    "broken": "",
    "stale": [],
    "boot": False,
    "container": False,
    "unattended": False,
}
HAPROXY = {"name": "haproxy", "from": "3.0.10", "to": "3.0.11"}
OUT = ["health_agent await_others", "haproxy drain n1", "haproxy drain n2", "valkey hand_over", "postgresql hand_over", "keepalived locate"]  # fmt: skip
BACK = ["langflow start", "verify flow", "haproxy undrain n1", "haproxy undrain n2"]
WELL = ["etcd await", "postgresql await", "valkey wait", "minio fill", "backend_proxy wait", "keepalived await", "health_agent await"]  # fmt: skip
HERE = "{{ world }}/nodes/{{ inventory_hostname }}"


@pytest.fixture
def nodes(tmp_path: Path, facts: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Both nodes have an update. What they say of their packages is in a file, and another one after the update."""
    monkeypatch.setitem(DOES, "update_packages change", f"cp {HERE}/after {HERE}/before")
    detail = " {{ __update_packages_restart | difference(update_packages_kit_units) | join(' ') }}"
    monkeypatch.setitem(DETAIL, "update_packages restart", detail)
    world = World(tmp_path, facts, further=("etcd", "minio"))
    world.make()
    role = tmp_path / "roles/update_packages"
    role.mkdir()
    for part in ("defaults", "meta", "vars"):
        (role / part).symlink_to(ROLE / part)
    world.entries["update_packages"] = ("install", "change", "boot", "restart")
    world.stand_ins()
    look = {
        "name": "Look",
        "ansible.builtin.command": f"cat {HERE}/before",
        "register": "__update_packages_looked",
        "changed_when": False,
        "check_mode": False,
    }
    (role / "tasks/look.yml").write_text(yaml.safe_dump([look]))
    for task in (ROLE / "tasks").glob("*.yml"):
        if not (role / "tasks" / task.name).exists():
            (role / "tasks" / task.name).symlink_to(task)
    for node in ("n1", "n2"):
        say(world, node, "before", changes=[HAPROXY], held=["patroni"])
        say(world, node, "after")
    return world


def say(world: World, node: str, when: str, **found: Any) -> None:
    (world.path / "nodes" / node / when).write_text(json.dumps(NOTHING | found))


def update(world: World, *options: str, name: str = "blue") -> str:
    return world.run("update_packages.yml", "-e", f"update_packages_yes={name}", *options)


def calls(world: World, node: str) -> list[str]:
    return [line.strip() for line in world.calls(node)]


def test_one_node_after_the_other_the_holder_of_the_virtual_ip_last(nodes: World) -> None:
    stale = ["dbus.service", "haproxy.service", "minio.service", "patroni.service", "ssh.service"]
    say(nodes, "n2", "after", stale=stale)
    say(nodes, "n1", "after", stale=["haproxy.service"], boot=True)
    out = update(nodes)
    assert nodes.code == 0, out
    own = ["postgresql restart", "minio restart", "haproxy restart", "update_packages restart ssh.service"]  # fmt: skip
    assert calls(nodes, "n2") == [
        *("update_packages install", *OUT, "update_packages change", *own, *WELL, *BACK),
        "verify main",
    ]
    assert calls(nodes, "n1") == [
        *("update_packages install", *OUT, "keepalived restart", "update_packages change"),
        # LangFlow ends its work while all that it needs still runs.
        *("langflow stop", "update_packages boot", "update_packages restart", *WELL, *BACK),
        "verify main",
    ]
    last = max(i for i, line in enumerate(nodes.log) if line == "n2 haproxy undrain n2")
    assert all("n2 " in line for line in nodes.log[: last + 1]), "n1 begins when n2 is back"
    assert "n2 still uses files of before: dbus.service." in out
    assert "n1 still uses" not in out
    assert [line.split(" 4h ")[0] for line in nodes.silences] == [
        "silence 192.0.2.11 maintenance of n2",
        "lift 192.0.2.11 maintenance of n2",
        "silence 192.0.2.12 maintenance of n1",
        "lift 192.0.2.12 maintenance of n1",
    ]
    assert not (nodes.path / "out").exists()


def test_a_check_says_what_would_be_and_changes_nothing(nodes: World) -> None:
    kernel = {"name": "linux-image-6.12.50-amd64", "from": "", "to": "6.12.50-1"}
    say(nodes, "n1", "before", changes=[HAPROXY, kernel], held=["patroni"])
    say(nodes, "n2", "before", stale=["dbus.service"])
    out = update(nodes, "--check", name="")
    assert nodes.code == 0, out
    for words in (
        *("packages that change: 2", "haproxy 3.0.10 → 3.0.11, linux-image-6.12.50-amd64 (new) 6.12.50-1"),
        *("held, left as they are: patroni", "it boots", "- nothing to do"),
    ):  # fmt: skip
        assert words in out, words
    assert out.count("changed=1") == 1 and out.count("changed=0") == 1, "n2 has nothing to do"
    assert nodes.log == [] and nodes.silences == []


@pytest.mark.parametrize(
    ("healthy", "name", "words"),
    [
        (False, "blue", "The cluster cannot fail over now: no LangFlow that is ready"),
        (True, "green", '"green" is not this site\'s name'),
    ],
)
def test_what_cannot_be_is_refused(nodes: World, healthy: bool, name: str, words: str) -> None:
    nodes.healthy = healthy
    out = update(nodes, name=name)
    assert nodes.code != 0 and words in out and "Nothing was changed" in out, out
    assert nodes.log == [] and nodes.silences == []


def test_the_first_failure_ends_it_and_the_next_run_begins_there(nodes: World) -> None:
    nodes.fails = "n2 etcd await"
    out = update(nodes)
    assert nodes.code != 0
    assert "n2: Fail etcd await: as wanted. It is out of traffic and its duties are with" in out
    assert "it begins with n2" in out
    assert "maintenance_node=n2 -e maintenance_state=off" in out
    assert calls(nodes, "n2")[-1] == "etcd await"
    assert calls(nodes, "n1") == [] and (nodes.path / "out").exists()
    assert [line.split()[0] for line in nodes.silences] == ["silence"]

    # Its packages are changed, and the cluster is not whole because of it: it alone is gone on with.
    nodes.fails, nodes.healthy, nodes.traffic = "", False, {"n2": "DRAIN"}
    (nodes.path / "log").write_text("")
    out = update(nodes)
    assert calls(nodes, "n2")[-4:] == BACK and calls(nodes, "n1") == []
    assert "It has its traffic back, and no other node is begun" in out
    assert nodes.code != 0 and not (nodes.path / "out").exists()
