"""A node that is replaced and one that leaves: what is refused, and in which order things are done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from langflow_ha.preflight.specs import ROOT
from upgrade_helpers import REAL, World

pytest_plugins = ["upgrade_fixtures"]
pytestmark = pytest.mark.playbooks

FURTHER_REAL = ("removal", "replacement")
FURTHER = {
    "etcd": ("forget", "leave"),
    "valkey": ("forget",),
    "minio": ("healed", "retire"),
    "preflight": ("inventory",),
}
DUTIES = ("langflow.service", "patroni.service", "valkey-server.service")


@dataclass
class Leaving(World):
    """The two nodes of a `World` with stand-ins for every role of site.yml, and n3, which is to leave."""

    because: tuple[str, ...] = ()
    alive: bool = True

    def make(self) -> None:
        super().make()
        for role in FURTHER_REAL:
            (self.path / "roles" / role).symlink_to(ROOT / "roles" / role)

    def stand_ins(self) -> None:
        super().stand_ins()
        for role in (ROOT / "roles").iterdir():
            if role.name not in (*REAL, *FURTHER_REAL):
                for entry in ("main", *FURTHER.get(role.name, ())):
                    self.stand_in(role.name, entry)

    def tools(self) -> None:
        super().tools()
        status = {"verdict": {"can_fail_over": not self.because, "because": self.because}}
        self._tool("langflow-ha", f"echo '{json.dumps(status)}'; exit {int(bool(self.because))}")
        units = "; ".join(f"echo {unit} loaded active running" for unit in DUTIES)
        self._tool("systemctl", f"case $1 in list-units) {units} ;; *) exit 1 ;; esac")
        inventory = yaml.safe_load((self.path / "hosts.yml").read_text())
        groups = inventory["all"]["children"]
        groups["etcd"] = groups["minio"] = {"hosts": {"n1": {}, "n2": {}}}
        away = {} if self.alive else {"ansible_connection": "ssh", "ansible_port": 1}
        host = {"ansible_host": "127.0.0.1", "cluster_address": "192.0.2.13", **away}
        groups["removed"] = {"hosts": {"n3": host}}
        (self.path / "hosts.yml").write_text(yaml.safe_dump(inventory))


@pytest.fixture
def site(tmp_path: Path, facts: Path) -> Leaving:
    made = Leaving(tmp_path, facts)
    made.make()
    return made


def position(site: Leaving, call: str) -> int:
    return [line.strip() for line in site.log].index(call)


def test_a_node_hands_over_before_it_stops_and_leaves_etcd_before_it_is_shut_out(
    site: Leaving,
) -> None:
    out = site.run("remove_node.yml", "-e", "removal_yes=blue")
    assert site.code == 0, out
    order = [
        "n1 preflight main",
        "n3 health_agent await_others",
        "n3 haproxy drain n1",
        "n3 haproxy drain n2",
        "n3 postgresql hand_over",
        "n3 valkey hand_over",
        "n1 etcd forget",
        "n3 etcd leave",
        "n1 firewall main",
        "n1 valkey forget",
    ]
    found = [position(site, call) for call in order]
    assert found == sorted(found)
    assert "n3 is out, and any one node may be lost. Take it out of the group removed" in out
    assert not [call for call in site.calls("n3") if call.endswith("main")], "n3 is nobody's node"


def test_one_that_does_not_answer_may_still_serve(site: Leaving) -> None:
    site.alive = False
    out = site.run("remove_node.yml", "-e", "removal_yes=blue")
    assert site.code != 0 and "n3 does not answer" in out, out
    assert site.log == []
    accept = json.dumps({"removal_yes": "blue", "removal_accept": ["gone"]})
    out = site.run("remove_node.yml", "-e", accept)
    assert site.code == 0, out
    assert site.calls("n3") == []
    assert "etcd forget" in site.calls("n1") and "valkey forget" in site.calls("n2")


@pytest.mark.parametrize(
    ("playbook", "options", "words"),
    [
        ("remove_node.yml", "removal_yes=green", '"green" is not this site\'s name'),
        ("replace_node.yml", "replacement_yes=blue replacement_node=n9", 'is "n9": name one of'),
        (
            "replace_node.yml",
            "replacement_yes=green replacement_node=n1",
            '"green" is not this site\'s name',
        ),
    ],
)
def test_what_is_not_meant_is_refused(
    site: Leaving, playbook: str, options: str, words: str
) -> None:
    out = site.run(playbook, "-e", options)
    assert site.code != 0 and words in out, out
    assert site.log == []


@pytest.mark.parametrize(
    ("playbook", "options"),
    [
        ("remove_node.yml", "removal_yes=blue"),
        ("replace_node.yml", "replacement_yes=blue replacement_node=n1"),
    ],
)
def test_a_hole_in_what_is_left_is_refused(site: Leaving, playbook: str, options: str) -> None:
    site.because = ("without n2: no balancer", "now: etcd: 1 of 3 members, 2 needed")
    out = site.run(playbook, "-e", options)
    assert site.code != 0 and "do not do everything: etcd: 1 of 3 members, 2 needed" in out, out
    assert site.log == []


def test_a_replaced_node_is_deployed_with_the_whole_site(site: Leaving) -> None:
    """What its own loss has opened is no reason to refuse; that it is still open at the end is one to fail."""
    site.because = ("without n2: no balancer fit to hold the VIP",)
    out = site.run("replace_node.yml", "-e", "replacement_yes=blue replacement_node=n1")
    assert position(site, "n1 preflight main") < position(site, "n1 etcd main")
    assert position(site, "n1 valkey forget") < position(site, "n1 minio healed")
    assert site.code != 0 and "n1 is deployed, and the cluster cannot fail over" in out, out
