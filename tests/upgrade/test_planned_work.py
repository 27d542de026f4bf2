"""A node out and back, and a duty that moves: what is refused, and in which order things are done."""

from __future__ import annotations

from pathlib import Path

import pytest
from upgrade_helpers import World

pytest_plugins = ["upgrade_fixtures"]
pytestmark = pytest.mark.playbooks


def maintenance(world: World, node: str, state: str, *options: str) -> str:
    return world.run(
        "maintenance.yml", "-e", f"maintenance_node={node} maintenance_state={state}", *options
    )


def test_a_node_gives_its_traffic_and_its_duties_away_and_gets_its_traffic_back(
    world: World,
) -> None:
    out = maintenance(world, "n1", "on")
    assert world.code == 0, out
    assert [line.strip() for line in world.calls("n1")] == [
        "health_agent await_others",
        "haproxy drain n1",
        "haproxy drain n2",
        "valkey hand_over",
        "postgresql hand_over",
        "keepalived locate",
        "keepalived restart",
        "verify main",
    ]
    assert (world.path / "out").exists()
    assert world.calls("n2") == ["verify main"], "the others are left alone"

    (world.path / "log").write_text("")
    world.healthy, world.traffic = False, {"n1": "DRAIN"}
    out = maintenance(world, "n1", "on")
    assert world.code == 0, "who is out already is no reason to refuse"
    assert "changed=0" in out

    (world.path / "log").write_text("")
    out = maintenance(world, "n1", "off")
    assert world.code == 0, out
    assert world.calls("n1")[:3] == ["langflow start", "haproxy undrain n1", "haproxy undrain n2"]
    assert not (world.path / "out").exists()


def test_a_node_without_the_virtual_address_keeps_its_keepalived(world: World) -> None:
    maintenance(world, "n2", "on")
    assert world.calls("n2", "keepalived") == ["keepalived locate"]


@pytest.mark.parametrize(
    ("node", "state", "healthy", "words"),
    [
        ("n1", "on", False, "n1 cannot be spared: no LangFlow that is ready"),
        ("n9", "on", True, 'maintenance_node is "n9": name one of n1, n2'),
        ("n1", "away", True, 'maintenance_state is "away"'),
    ],
)
def test_what_cannot_be_spared_stays(
    world: World, node: str, state: str, healthy: bool, words: str
) -> None:
    world.healthy = healthy
    out = maintenance(world, node, state)
    assert world.code != 0 and words in out, out
    assert world.log == [] and not (world.path / "out").exists()


def switchover(world: World, what: str) -> str:
    return world.run("switchover.yml", "-e", what)


@pytest.mark.parametrize(
    ("what", "call"),
    [
        ("switchover_what=vip", "n1 keepalived restart"),
        ("switchover_what=primary", "n1 postgresql hand_over"),
        ("switchover_what=primary switchover_to=n2", "n1 postgresql hand_over n2"),
        ("switchover_what=master", "n2 valkey hand_over"),
    ],
)
def test_who_has_the_duty_gives_it_away(world: World, what: str, call: str) -> None:
    out = switchover(world, what)
    assert world.code == 0, out
    assert [line.strip() for line in world.log if "verify" not in line] == [call]


@pytest.mark.parametrize(
    ("what", "healthy", "words"),
    [
        ("switchover_what=king", True, "name vip, primary or master"),
        ("switchover_what=vip switchover_to=n2", True, "decided by Keepalived or Sentinel"),
        ("switchover_what=primary switchover_to=n1", True, "the synchronous standby is n2"),
        ("switchover_what=primary", False, "cannot fail over now: no LangFlow that is ready"),
    ],
)
def test_a_move_that_cannot_be_is_refused(
    world: World, what: str, healthy: bool, words: str
) -> None:
    world.healthy = healthy
    out = switchover(world, what)
    assert world.code != 0 and words in out, out
    assert world.log == []


OUT = 'node="n1"; alertname=~"LangflowFailoverImpossible|LangflowStoreDegraded|LangflowQueueUnreplicated"'
RESTARTED = 'alertname=~"LangflowHealthCheckFailing|LangflowTargetDown|LangflowUnitFailed|LangflowFailoverImpossible"'


def test_nobody_is_called_for_a_node_that_is_out_until_it_is_back(world: World) -> None:
    maintenance(world, "n1", "on")
    # By the Alertmanager that stays.
    assert world.silences == [f"silence 192.0.2.12 maintenance of n1 4h {OUT}"]
    maintenance(world, "n1", "off")
    assert world.silences[1:] == ["lift 192.0.2.12 maintenance of n1"]


def test_a_move_is_silent_until_it_is_over(world: World) -> None:
    switchover(world, "switchover_what=vip")
    assert world.silences == [
        f"silence 192.0.2.11 switchover 10m {RESTARTED}",
        "lift 192.0.2.11 switchover",
    ]


@pytest.mark.parametrize("nobody", ["there is none", "none answers"])
def test_work_goes_on_without_an_alertmanager(tmp_path: Path, facts: Path, nobody: str) -> None:
    world = World(tmp_path, facts, monitoring=() if nobody == "there is none" else ("n2",))
    world.make()
    world.unasked = ("n2",)
    out = switchover(world, "switchover_what=vip")
    assert (world.code, world.silences) == (0, []), out
