"""The daemon's loop with everything real but the network, and the configuration's refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from failover_helpers import RAW, cluster, lease, make, raw, time_to_live, transaction
from langflow_ha.failover import config, daemon, gather
from langflow_ha.failover.decide import ETCD
from langflow_ha.failover.etcd import Gateway
from langflow_ha.failover.gather import Suspects
from langflow_ha.failover.model import Reach
from langflow_ha.failover.snapshot import metrics_text, status_json
from langflow_ha.failover.witnesses import AGENT, REACH
from langflow_ha.health.gather import Board, Network
from langflow_ha.health.model import Observation, Outcome
from langflow_ha.node.strict import ConfigError
from node_helpers import check_by_command, view, with_value


class World:
    """A daemon on a clock of its own, whose probes say what the test says."""

    def __init__(self, directory: Path) -> None:
        paths = {"journal": str(directory / "events"), "fence_request": str(directory / "fence")}
        self.now = 100.0
        self.asked: list[str] = []
        self.suspects = Suspects()
        settings = make(**paths)
        gateway = Gateway(settings.etcd, 0.1)
        probes = gather.probes_for(settings, Network(), gateway, self.suspects)
        self.board = Board(probes, lambda: self.now)
        self.daemon = daemon.Daemon(settings, self.board, self.suspects, self.post)

    def post(self, path: str, _body: object) -> Mapping[str, Any]:
        self.asked.append(path)
        return transaction(lease_id="77") if "txn" in path else time_to_live(10, lease_id="77")

    def step(self, *seen: Observation) -> Any:
        self.now += 0.41
        for observation in seen:
            self.board.post(observation)
        return self.daemon.step(lambda: self.now)

    def dead_leader(self) -> Any:
        at = self.now + 0.4
        return self.step(
            Observation(ETCD, at, Outcome.OK, found=cluster()),
            Observation(AGENT + "n1", at, Outcome.TIMED_OUT),
            Observation(AGENT + "n2", at, Outcome.OK, found=view("n2", ("n3",))),
            Observation(AGENT + "n3", at, Outcome.OK, found=view("n3", ("n2",))),
            Observation(REACH + "n1", at, Outcome.OK, found=Reach("n1" in self.suspects.names)),
        )


def test_from_the_silence_to_the_end_of_the_lease(tmp_path: Path) -> None:
    world = World(tmp_path)
    shown = [world.dead_leader() for _ in range(8)][-1]
    assert shown.ended == 1 and world.asked.count("/v3/lease/revoke") == 1
    assert world.dead_leader().ended == 1, "and not again"
    status = json.loads(status_json(shown, world.now))
    assert status["leases_ended"] == 1 and status["suspects"] == ["n1"]
    assert b"langflow_ha_failover_leases_ended_total 1\n" in metrics_text(shown, world.now)
    world.daemon.journal.flush(2.0)
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    names = [event["event"] for event in events]
    assert names[0] == "leader_silent" and {"lease_to_be_ended", "lease_ended"} <= set(names)
    (ended,) = [event for event in events if event["event"] == "lease_ended"]
    assert '"remaining_s": 10' in ended["detail"] and ended["node"] == "n2"


def test_a_cut_off_leader_asks_for_its_fence(tmp_path: Path) -> None:
    world = World(tmp_path)
    led = cluster(lease=lease(leader="n2"))
    world.step(Observation(ETCD, world.now + 0.4, Outcome.OK, found=led))
    for _ in range(6):
        alone = view("n2", (), isolated=True)
        shown = world.step(Observation(AGENT + "n2", world.now + 0.4, Outcome.OK, found=alone))
    assert (tmp_path / "fence").exists() and shown.fences == 1


def test_every_member_is_asked_and_only_a_suspect_is_tried() -> None:
    suspects = Suspects()
    settings = make()
    probes = gather.probes_for(settings, Network(), Gateway(settings.etcd, 0.1), suspects)
    names = [probe.check for probe in probes]
    assert names == ["etcd", "agent:n1", "agent:n2", "agent:n3", "reach:n1", "reach:n3"]
    assert probes[4].ask() == Reach(asked=False)


changed = partial(with_value, RAW)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (changed("node", "n9"), "must be one of the members"),
        (changed("members", RAW["members"][:2]), "at least 3 make a majority of the rest"),
        (changed("members.1.name", "n1"), "must be one of the members"),
        (changed("members.2.name", "n1"), "every name must be unique"),
        (changed("members.2.address", "n3.example"), "must be an IP address"),
        (changed("hosts.0.name", "n9"), "must be one of the members"),
        (changed("hosts.0.ports", []), "needs an address and a port to try"),
        (changed("hosts.0.addresses", ["x"]), "must be an IP address"),
        (changed("key_prefix", "/service/blue"), "must look like /service/SCOPE/"),
        (changed("limits.rest", 0), "must be above 0"),
        (changed("limits.fresh", 0.8), "must be above poll plus timeout"),
        (changed("limits.stall", 2.5), "must be below silent_for"),
        (changed("limits.silentfor", 2.5), "unknown key"),
    ],
)
def test_refused(bad: object, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        config.parse(bad)
    assert message in str(refusal.value)


@pytest.mark.parametrize(("text", "code"), [(json.dumps(raw()), 0), ("{", 2)])
def test_the_command_checks_a_file(tmp_path: Path, text: str, code: int) -> None:
    assert check_by_command("failover", tmp_path, text) == code
