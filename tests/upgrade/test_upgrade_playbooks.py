"""The order of the upgrade's plays, and what they do after a failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from upgrade_helpers import NEW, NODES, OLD, RETURNED, THROUGH, World

pytest_plugins = ["upgrade_fixtures"]
pytestmark = pytest.mark.playbooks


HARMS = {"abc (Drop it)": ["drop column"]}


def test_a_roll_takes_one_node_after_the_other_and_the_holder_last(world: World) -> None:
    out = world.run("upgrade.yml")
    assert world.code == 0, out
    assert world.versions() == [NEW, NEW]
    for node in NODES:
        assert world.calls(node, "haproxy", "langflow", "verify")[1:9] == THROUGH
    changing = [line for line in world.log if "install" not in line and "verify main" not in line]
    assert [line.split()[0] for line in changing] == ["n2"] * 9 + ["n1"] * 9
    assert "langflow migrate" not in " ".join(world.log)
    assert "one node after the other" in out
    assert [line.split(" alertname")[0] for line in world.silences] == [
        "silence 192.0.2.11 upgrade 2h",
        "lift 192.0.2.11 upgrade",
    ]
    assert "LangflowApiTimeout" not in world.silences[0], "users are to notice nothing"

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
    assert "as wanted. The version before serves, and no data was taken back" in out


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
    assert "LangflowApiTimeout" in world.silences[0] and world.silences[-1].startswith("lift")
    for node in NODES:
        record = json.loads((world.path / "nodes" / node / "upgrade.json").read_text())
        assert record["version"] == OLD and record["schema"] == ["old"] and record["backup"] == "B1"
        assert record["point"].startswith("upgrade-1.12.8-to-1.13.0-")


@pytest.mark.parametrize("fails", ["any langflow migrate", "n2 langflow start", "n2 verify flow"])
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


@pytest.mark.parametrize("loses", ["n2 langflow start", "any langflow migrate"])
def test_a_node_that_is_lost_in_a_stop_does_not_leave_the_others_stopped(
    world: World, loses: str
) -> None:
    world.pending, world.harms, world.loses = ["new"], HARMS, loses
    out = world.run("upgrade.yml")
    assert world.code != 0 and "was not accepted" in out and "lost on the way" in out, out
    assert "restore main database name upgrade-" in " ".join(world.log)
    returned = [
        n
        for n in NODES
        if world.calls(n, "langflow")[-2:] == ["langflow go_back", "langflow start"]
    ]
    left = {"n1": "192.0.2.11", "n2": "192.0.2.12"}[returned[0]]
    assert world.silences[-1] == f"lift {left} upgrade", "by an Alertmanager that is left"
    assert len(returned) == 1 and world.versions()[NODES.index(returned[0])] == OLD


def test_without_a_restore_point_nothing_is_migrated_and_nothing_restored(world: World) -> None:
    world.pending, world.harms, world.point = ["new"], HARMS, '{"point": ""}'
    out = world.run("upgrade.yml")
    assert world.code != 0 and "No database node wrote a restore point" in out
    assert world.versions() == [OLD, OLD]
    assert not [line for line in world.log if "migrate" in line or "restore" in line]
    assert [calls[-1] for node in NODES if (calls := world.calls(node, "langflow"))] == ["langflow start"] * 2  # fmt: skip
    assert "no data was taken back" in out


def test_over_a_migration_there_is_no_way_back_without_a_restore_point(world: World) -> None:
    """Whoever took that on (upgrade_accept) is told; LangFlow is left to the version that fits the schema."""
    world.pending, world.harms, world.fails = ["new"], HARMS, "n2 langflow start"
    without = (
        '{"backup_target": "none", "upgrade_backup_enabled": false, "upgrade_accept": ["backup"]}'
    )
    out = world.run("upgrade.yml", "-e", without)
    assert world.code != 0 and "there is no way back: mend the cause" in out
    assert "restore main" not in " ".join(world.log) and "go_back" not in " ".join(world.log)
    assert "[backup]" not in out
    assert world.calls("n1", "langflow")[-1] == "langflow start"


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
        (
            {"pending": ["new"]},
            ["-e", '{"upgrade_backup_enabled": false}'],
            "[backup] backup_target is none: the way back over a migration is a restore",
        ),
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
    """The links point to the new release already, and nothing runs. The way back is still the one of the beginning."""
    world.run("upgrade.yml")
    record = (world.path / "nodes/n1/upgrade.json").read_text()
    (world.path / "log").write_text("")
    (world.path / "stopped").touch()
    world.healthy = False
    world.run("upgrade.yml", "-e", '{"upgrade_accept": ["health"]}')
    assert world.code == 0
    for node in NODES:
        assert "langflow start" in world.calls(node)
    assert (world.path / "nodes/n1/upgrade.json").read_text() == record


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
    assert world.calls("n2", "langflow")[-3:] == ["langflow stop", "langflow configure", "langflow start"]  # fmt: skip


def test_an_undo_without_an_upgrade_has_no_way_back(world: World) -> None:
    out = world.run("upgrade_undo.yml", version=OLD)
    assert world.code != 0 and "upgrade.json is not there" in out and world.log == []
