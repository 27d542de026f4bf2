"""One node on another version: only it is touched, and it is promoted or goes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from upgrade_helpers import NEW, NODES, OLD, RETURNED, THROUGH, World

pytest_plugins = ["upgrade_fixtures"]
pytestmark = pytest.mark.playbooks

PROMOTE, ABORT = (0, "promote: as good"), (1, "abort: more errors")


def canary(world: World, *options: str, node: str = "n2", version: str = NEW) -> str:
    given = {"canary_node": node, "canary_minutes": 0.01}
    return world.run("canary.yml", "-e", json.dumps(given), *options, version=version)


def steps(world: World, node: str) -> list[str]:
    """What changed a node, in order: without what is installed beside, and without proofs that the cluster answers."""
    calls = world.calls(node, "haproxy", "langflow", "verify")
    return [call for call in calls if call.split()[1] not in ("install", "main")]


def forget(world: World) -> None:
    (world.path / "log").write_text("")


def test_only_the_canary_changes_and_it_has_its_share(world: World) -> None:
    out = canary(world)
    assert world.code == 0, out
    assert world.versions() == [OLD, NEW]
    assert world.shares() == {"n2": "11"}, "a tenth of all is a ninth of what the other one has"
    assert steps(world, "n2") == THROUGH and steps(world, "n1") == []
    assert "langflow install" in world.calls("n2") and "langflow install" not in world.calls("n1")
    assert "this node alone" in out and "Verdict: undecided" in out
    assert "playbooks/upgrade.yml" in out
    assert f"playbooks/upgrade_undo.yml -e langflow_version={OLD}" in out
    asked = (world.path / "compared").read_text()
    assert "--node=n2 --minutes=0.1 --requests=200" in asked
    assert [line.split(" alertname")[0] for line in world.silences] == [
        "silence 192.0.2.11 upgrade 2h",
        "lift 192.0.2.11 upgrade",
    ]
    for name in NODES:
        record = json.loads((world.path / "nodes" / name / "upgrade.json").read_text())
        assert (record["version"], record["to"]) == (OLD, NEW)

    forget(world)
    out = canary(world, "-e", "canary_share=20")
    assert world.code == 0 and f"n2 has LangFlow {NEW}: nothing to do" in out, out
    assert world.shares() == {"n2": "25"}, "a second run gives it another share, and compares again"
    assert steps(world, "n1") == steps(world, "n2") == []
    out = canary(world, "-e", "canary_share=20")
    assert out.count("changed=0") == 2, "a third changes nothing"


def test_a_canary_stays_until_it_is_promoted_and_all_can_still_go_back(world: World) -> None:
    """One story, for a canary takes a while to come into being."""
    world.verdict = (2, "")
    out = canary(world)
    assert world.code == 0 and "Verdict: not compared" in out, out
    record = (world.path / "nodes/n1/upgrade.json").read_text()

    forget(world)
    out = canary(world, node="n1")
    assert world.code != 0 and f"{NEW}, and n2 has that already: n1 would have nothing to be" in out
    assert world.log == []

    world.verdict = PROMOTE
    out = canary(world)
    assert world.code == 0 and "Verdict: promote" in out
    assert steps(world, "n1") == [], "a verdict decides nothing unless it is told to"

    world.fails = "n1 verify flow"
    out = world.run("upgrade.yml")
    assert world.code != 0 and "was not accepted. n1" in out
    assert world.versions() == [OLD, NEW] and world.shares() == {"n2": "11"}

    world.fails = ""
    forget(world)
    out = world.run("upgrade.yml")
    assert world.code == 0, out
    assert world.versions() == [NEW, NEW] and world.shares() == {}
    assert steps(world, "n1") == THROUGH and steps(world, "n2") == []
    assert (world.path / "nodes/n1/upgrade.json").read_text() == record, (
        "the way back is the one of before the canary"
    )
    out = world.run("upgrade_undo.yml", version=OLD)
    assert world.code == 0 and world.versions() == [OLD, OLD], out


def test_abort_is_the_undo_of_this_one_node(world: World) -> None:
    canary(world)
    forget(world)
    out = world.run("upgrade_undo.yml", version=OLD)
    assert world.code == 0, out
    assert world.versions() == [OLD, OLD] and world.shares() == {}
    assert steps(world, "n2") == THROUGH and steps(world, "n1") == []
    assert "restore main" not in " ".join(world.log)


@pytest.mark.parametrize("fails", ["n2 langflow configure", "n2 verify flow"])
def test_a_canary_that_is_no_good_goes_back_and_nothing_else_is_touched(
    world: World, fails: str
) -> None:
    world.fails = fails
    out = canary(world)
    assert world.code != 0 and "was not accepted. n2: Fail" in out, out
    assert "The version before serves" in out and "is a canary" not in out
    assert world.versions() == [OLD, OLD] and world.shares() == {}
    assert steps(world, "n2")[-5:] == RETURNED and steps(world, "n1") == []
    assert not (world.path / "compared").exists()
    assert world.silences[-1].startswith("lift")


def test_a_node_without_a_share_gets_no_version(world: World) -> None:
    """It would have a full one."""
    (world.path / "nodes/n2/share").mkdir()
    out = canary(world)
    assert world.code != 0 and "was not accepted. n2: Tell it the share" in out
    assert world.versions() == [OLD, OLD] and steps(world, "n2") == []


def test_by_the_verdict_it_promotes(world: World) -> None:
    world.verdict = PROMOTE
    out = canary(world, "-e", "canary_decide=true")
    assert world.code == 0, out
    assert world.versions() == [NEW, NEW] and world.shares() == {}
    assert steps(world, "n2") == steps(world, "n1") == THROUGH, "nobody twice"
    assert f"Every node has LangFlow {NEW}" in out or world.silences[-1].startswith("lift")


def test_by_the_verdict_it_goes_back(world: World) -> None:
    world.verdict = ABORT
    out = canary(world, "-e", "canary_decide=true")
    assert world.code != 0 and "was not accepted. n2: Take the verdict: verdict: abort: more errors" in out, out  # fmt: skip
    assert world.versions() == [OLD, OLD] and world.shares() == {}
    assert steps(world, "n2") == [*THROUGH, *THROUGH[:2], *RETURNED]
    assert steps(world, "n1") == []
    assert world.silences[-1].startswith("lift") and len(world.silences) == 4


def test_without_a_verdict_it_stays_and_a_pipeline_fails(world: World) -> None:
    out = canary(world, "-e", "canary_decide=true")
    assert world.code != 0 and "the verdict is undecided: n2 stays a canary" in out, out
    assert world.versions() == [OLD, NEW] and world.shares() == {"n2": "11"}

    # Of an earlier run: nothing in this one knows the way back.
    world.verdict = ABORT
    out = canary(world, "-e", "canary_decide=true")
    assert world.code != 0 and "the verdict is abort: n2 stays a canary" in out, out
    assert world.versions() == [OLD, NEW] and world.shares() == {"n2": "11"}

    world.verdict = PROMOTE
    out = canary(world, "-e", "canary_decide=true")
    assert world.code == 0 and world.versions() == [NEW, NEW] and world.shares() == {}, out


def test_check_says_the_way_and_does_nothing(world: World) -> None:
    out = canary(world, "--check", "-e", "canary_decide=true")
    assert world.code == 0 and "this node alone" in out, out
    assert world.versions() == [OLD, OLD] and world.shares() == {} and world.log == []
    assert not (world.path / "nodes/n2/upgrade.json").exists()


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({}, {"canary_node": "n9"}, 'canary_node is "n9": name one of n1, n2'),
        ({}, {"canary_node": ""}, "as in -e canary_node=n2"),
        ({}, {"canary_share": 50}, "canary_share is 50: of 2 nodes each has 50.0 % anyway"),
        ({}, {"canary_share": 0}, "canary_share is 0: of 2 nodes"),
        ({}, {"canary_minutes": 0, "canary_decide": True}, "canary_decide cannot be set with it"),
        ({}, {"langflow_ha_mode": "active_standby"}, "haproxy_backend_policy is prefer_local"),
        ({}, {"canary_agent": "/nowhere"}, "is of an older kit and knows no shares"),
        ({}, {"upgrade_yes": "green"}, '"green" is not this site\'s name'),
        ({"healthy": False}, {}, "[health] the cluster cannot fail over now"),
        ({"pending": ["new"]}, {}, "the database waits for 1 migrations: once they are done no node can go back to 1.12.8"),
        ({"pending": ["new"], "harms": {"abc (Drop it)": ["drop column"]}}, {}, "Run playbooks/upgrade.yml"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_canary_is_refused_before_any_change(
    world: World, change: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    for name, value in change.items():
        setattr(world, name, value)
    out = canary(world, "-e", json.dumps(options))
    assert world.code != 0 and words in out, out
    assert world.log == [] and world.versions() == [OLD, OLD] and world.shares() == {}
