from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from langflow_ha.page.decide import firing, page, without_paths
from langflow_ha.page.model import Alerting, Answer, Chip, Level, Page
from langflow_ha.status.decide import decide
from page_helpers import (
    AT,
    NODES,
    RAW,
    alert,
    config,
    event,
    half_down,
    healthy,
    made,
    one_down,
    report,
)

NO_ALERTING = Alerting(configured=False)


def chips(shown: Page, title: str) -> dict[str, Chip]:
    return {
        chip.name: chip for layer in shown.layers if layer.title == title for chip in layer.chips
    }


def with_report(name: str, **changes: Any) -> Page:
    return made({**healthy(), name: report(name, **changes)})


def test_a_healthy_cluster_is_all_well() -> None:
    shown = made(healthy())
    assert shown.cluster.verdict.can_fail_over and not shown.broken
    assert (shown.wrong, shown.losses) == ((), ())
    assert shown.service == "3 of 3 LangFlows ready · virtual IP: n1 · primary: n1"
    assert {chip.level for layer in shown.layers for chip in layer.chips} == {Level.OK}
    assert [layer.title for layer in shown.layers] == [
        "Virtual IP",
        "LangFlow",
        "PostgreSQL",
        "etcd",
        "Valkey",
        "Object store",
        "Certificates",
        "Backups",
    ]


@pytest.mark.parametrize("answers", [healthy(), one_down(), half_down()])
def test_the_verdict_is_that_of_status(answers: dict[str, Answer]) -> None:
    shown = made(answers)
    assert shown.cluster.verdict == decide(shown.cluster.nodes, AT)
    # Sorted for a reader, and nothing left out.
    told = " ".join([*shown.wrong, *(hole for loss in shown.losses for hole in loss.holes)])
    for reason in shown.cluster.verdict.because:
        words = reason.removeprefix("now: ")
        if reason.startswith("without "):
            words = reason.partition(": ")[2]
        assert words in told, reason


def test_what_a_further_loss_breaks_is_told_once_for_nodes_that_are_alike() -> None:
    shown = made(one_down())
    assert not shown.broken, "users are served"
    assert [loss.nodes for loss in shown.losses] == [("n2", "n3")]
    assert "etcd: 1 of 3 members, 2 needed" in shown.losses[0].holes


def test_a_silent_node_is_off_or_only_its_daemon_is() -> None:
    assert made(one_down()).wrong[0] == (
        "n1 does not answer: no connection in 1 s; n2 and n3 cannot reach its health agent either: "
        "is it off, or cut off?"
    )
    answers: dict[str, Answer] = {**healthy(), "n1": "no answer in 6 s"}
    assert "the machine runs: n2 and n3 reached its health agent" in made(answers).wrong[0]


@pytest.mark.parametrize(
    "odd",
    [{"units": {"x.service": "active"}}, {"haproxy": ["UP"]}, {"backup": {"states": [{}]}}],
)
def test_a_report_that_nobody_foresaw_costs_its_node_only(odd: dict[str, Any]) -> None:
    shown = with_report("n3", **odd)
    errors = {node.name: node.error for node in shown.cluster.nodes}
    assert errors["n3"].startswith("its report cannot be read")
    assert errors["n1"] == errors["n2"] == ""


def test_events_and_alerts_that_are_none_are_left_out() -> None:
    assert len(with_report("n3", events=["x", None]).events) == 4
    assert firing([["x", None], {"status": "error"}]) == Alerting(configured=True)


def test_a_page_of_nobody() -> None:
    shown = made(dict.fromkeys(NODES, "no connection in 1 s"))
    assert shown.broken
    assert shown.wrong[0] == "n1 does not answer: no connection in 1 s"
    assert shown.service == "0 of 3 LangFlows ready · virtual IP: nobody · primary: nobody"
    assert {chip.level for layer in shown.layers for chip in layer.chips} == {Level.UNKNOWN}


@pytest.mark.parametrize(
    ("changes", "layer", "text", "level"),
    [
        ({"vip": {"held": True}}, "Virtual IP", "HOLDS IT TOO", Level.BAD),
        ({"agent": {"standing": "unfit"}}, "Virtual IP", "unfit", Level.BAD),
        ({"langflow": {"ready": False}}, "LangFlow", "NOT ready, UP", Level.BAD),
        ({"patroni": {"error": "refused"}}, "PostgreSQL", "NOT running", Level.BAD),
        ({"etcd": {"error": "refused"}}, "etcd", "NOT healthy", Level.BAD),
        ({"valkey": {"error": "refused"}}, "Valkey", "NO answer", Level.BAD),
        (
            {"valkey": {"role": "slave", "master_link_status": "down"}},
            "Valkey",
            "replica, NO link to the master",
            Level.BAD,
        ),
        ({"minio": {"live": False}}, "Object store", "NO answer", Level.BAD),
        (
            {"certificates": {"x": "Dec 12 00:00:00 2026 GMT"}},
            "Certificates",
            "17 days",
            Level.WARN,
        ),
        ({"certificates": {"x": "Nov 12 00:00:00 2026 GMT"}}, "Certificates", "EXPIRED", Level.BAD),
        ({"certificates": {}}, "Certificates", "unknown", Level.UNKNOWN),
    ],
)
def test_what_is_wrong_on_a_node_is_on_its_chip(
    changes: dict[str, Any], layer: str, text: str, level: Level
) -> None:
    assert chips(with_report("n3", **changes), layer)["n3"] == Chip("n3", text, level)


def test_a_drained_langflow_and_a_late_standby_are_warnings() -> None:
    members = [
        {"name": "n1", "role": "leader", "state": "running"},
        {"name": "n3", "role": "replica", "state": "streaming", "lag": 200 << 20},
    ]
    rows = [{"pxname": "langflow", "svname": "n3", "status": "DRAIN"}]
    answers: dict[str, Answer] = {
        name: report(name, haproxy=rows, patroni={"members": members}) for name in NODES
    }
    shown = made(answers)
    assert chips(shown, "LangFlow")["n3"] == Chip("n3", "ready, DRAIN", Level.WARN)
    assert chips(shown, "PostgreSQL")["n3"].text == "standby, lag 200 MiB"
    assert chips(shown, "PostgreSQL")["n3"].level is Level.WARN


def test_only_layers_that_the_site_has() -> None:
    nodes = [
        {"name": "w", "address": "192.0.2.9", "groups": ["cluster", "etcd"]},
        {"name": "n2", "address": "192.0.2.2", "groups": ["cluster", "langflow"]},
    ]
    agent = {"checks": {"share": {"up": False, "detail": "read-only"}}}
    answers: dict[str, Answer] = {
        "w": report("w", backup={}),
        "n2": report("n2", agent=agent, backup={}),
    }
    shown = page(config(nodes=nodes), answers, NO_ALERTING, AT)
    titles = [layer.title for layer in shown.layers]
    assert titles == ["LangFlow", "etcd", "Shared files", "Certificates", "Backups"]
    assert chips(shown, "Shared files") == {"n2": Chip("n2", "NO writes", Level.BAD)}
    assert shown.service == "1 of 1 LangFlows ready"
    assert chips(shown, "Backups")["none"].level is Level.UNKNOWN


def test_backups_too_old_or_damaged() -> None:
    told = healthy()["n1"]
    assert isinstance(told, dict)
    states: Any = told["backup"]
    states = [{**states["states"][0], "newest": None}, *states["states"][1:]]
    damaged = {"at": AT, "states": states, "problems": ["a gap in the WAL"]}
    shown = chips(with_report("n1", backup=damaged), "Backups")
    assert shown["database"] == Chip("database", "none", Level.WARN)
    assert shown["files"] == Chip("files", "2 h old", Level.OK)
    assert shown["check"] == Chip("check", "1 warning, see below", Level.WARN)


def test_events_of_all_nodes_newest_first_and_not_too_many() -> None:
    answers = healthy()
    answers["n2"] = report("n2", events=[event(i, "info", "check_up", str(i)) for i in range(40)])
    answers["n3"] = report("n3", events={"error": "nothing to read"})
    shown = made(answers).events
    assert len(shown) == 30
    assert [event.time for event in shown] == sorted((e.time for e in shown), reverse=True)
    assert (shown[0].node, shown[0].detail) == ("n2", "0")


def test_alerts_once_the_gravest_first_and_no_silenced_ones() -> None:
    down, old = alert("NodeDown", "critical", "gone"), alert("BackupTooOld", "warning", "old")
    silent = alert("Quiet", "critical", "hush", status={"state": "suppressed"})
    told = firing([[old, silent, down], [down, old], "no list"])
    assert [(a.name, a.severity) for a in told.firing] == [
        ("NodeDown n1", "critical"),
        ("BackupTooOld n1", "warning"),
    ]
    odd = firing([[alert("Odd", "catastrophe", "?"), down]])
    assert odd.firing[0].severity in ("catastrophe", "critical"), "an unknown word is grave"
    assert firing([]) == Alerting(configured=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "[Errno 2] No such file: '/run/haproxy/admin.sock'",
            "[Errno 2] No such file: 'admin.sock'",
        ),
        ("/etc/langflow-ha/tls/node.crt is missing", "node.crt is missing"),
        ("read error on /var/lib/x/", "read error on "),
        ("https://198.18.79.11:8008/cluster", "https://198.18.79.11:8008/cluster"),
        ("3/4 drives, n1/n2", "3/4 drives, n1/n2"),
        ({"a": ["/srv/langflow/health/n1", 5]}, {"a": ["n1", 5]}),
    ],
)
def test_directories_are_left_out(text: Any, shown: Any) -> None:
    assert without_paths(text) == shown


def test_no_directory_of_a_report_reaches_the_page() -> None:
    shown = with_report("n3", minio={"error": "[Errno 13] denied: '/etc/minio/x.key'"})
    assert any("x.key" in warning for warning in shown.cluster.verdict.warnings)
    assert "/etc" not in str(replace(shown, addresses={}))


def test_config_names_what_it_refuses() -> None:
    from langflow_ha.node.strict import ConfigError

    bad: list[tuple[dict[str, Any], str]] = [
        ({"node": "n9"}, "must be one of the nodes"),
        ({"nodes": [*RAW["nodes"], RAW["nodes"][0]]}, "every name must be unique"),
        ({"listen_address": "n1.example.org"}, "not a name"),
        ({"port": 70000}, "must be a TCP port"),
        ({"alertmanagers": ["alertmanager:9093"]}, "must look like http://"),
        ({"limits": {**RAW["limits"], "fresh": 0.0}}, "must be above 0"),
        ({"limits": {**RAW["limits"], "report": 6.0}}, "must be below limits.answer"),
        ({"surprise": 1}, "unknown key"),
    ]
    for changes, text in bad:
        with pytest.raises(ConfigError, match=text):
            config(**changes)
