"""Acting: the tracked file, hand-over, journal, watchdog; and the two ports."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import FAILED, OK, RAW, Node, make, raw, view
from langflow_ha.health import act, agent, check, cli, config, gather, probes
from langflow_ha.health.model import Observation, Stage, Surroundings
from langflow_ha.health.server import Server
from langflow_ha.health.snapshot import Snapshot
from langflow_ha.node.clock import boottime
from langflow_ha.node.command import OK as DONE
from langflow_ha.node.command import USAGE

NOT_HELD = Surroundings(vip_held=False, maintenance=False)
HELD = Surroundings(vip_held=True, maintenance=False)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def settings(tmp_path: Path) -> config.Config:
    names = ["weight_file", "maintenance_file", "restart_request", "keepalived_request"]
    names += ["recycle_request", "handover_file", "journal", "canary_file"]
    paths = {**RAW["paths"], **{name: str(tmp_path / name) for name in names}}
    limits = {**RAW["limits"], "tick": 0.001}
    return config.parse(raw(paths=paths, limits=limits))


def weight(settings: config.Config) -> int:
    return int(Path(settings.paths.weight_file).read_text())


def all_well(board: gather.Board, settings: config.Config, now: float, **found: int) -> None:
    for probe in gather.probes_for(settings, gather.Network()):
        name = probe.check.removeprefix("peer:")
        peer = view(name) if probe.check != name else None
        board.post(Observation(probe.check, now, OK, peer=peer, found=found.get(probe.check)))


def started(settings: config.Config, clock: Clock) -> tuple[agent.Agent, gather.Board]:
    board = gather.Board(gather.probes_for(settings, gather.Network()), clock)
    return agent.Agent(settings, board, clock, "boot"), board


def holder(settings: config.Config, clock: Clock) -> agent.Agent:
    """An agent that holds the VIP, with the weight 40."""
    one, board = started(settings, clock)
    all_well(board, settings, clock.now)
    one.step(lambda: HELD)
    return one


def test_closed_before_the_first_verdict(settings: config.Config) -> None:
    Path(settings.paths.weight_file).write_text("40\n")
    clock = Clock()
    one, board = started(settings, clock)
    assert weight(settings) == -100
    assert one.step(lambda: NOT_HELD).weight == -100
    all_well(board, settings, clock.now)
    assert one.step(lambda: HELD).weight == weight(settings) == 40


def test_a_keepalived_that_defies_a_fault_is_reported(settings: config.Config) -> None:
    clock = Clock()
    one, board = started(settings, clock)
    all_well(board, settings, clock.now)
    one.step(lambda: HELD)
    for _ in range(9):
        clock.now += 0.3
        board.post(Observation("haproxy", clock.now, FAILED))
        board.post(Observation("peer:n2", clock.now, OK, peer=view("n2")))
        board.post(Observation("peer:n3", clock.now, OK, peer=view("n3")))
        one.step(lambda: HELD)
    assert weight(settings) == -254
    assert Path(settings.paths.keepalived_request).exists()


def test_a_gentle_restart_is_asked_for_by_its_own_file(settings: config.Config) -> None:
    clock, asked = Clock(), Path(settings.paths.recycle_request)
    one, board = started(settings, clock)
    for _ in range(390):
        clock.now += 0.9
        all_well(board, settings, clock.now, memory=2000, work=0)
        snapshot = one.step(lambda: NOT_HELD)
        assert asked.exists() == (snapshot.recycles == 1)
    assert snapshot.recycles == 1 and snapshot.restarts == 0
    assert not Path(settings.paths.restart_request).exists()


def test_a_restart_keeps_the_weight_until_there_is_a_verdict(settings: config.Config) -> None:
    clock = Clock()
    holder(settings, clock).stop_cleanly()
    clock.now += 1
    successor, board = started(settings, clock)
    assert weight(settings) == successor.step(lambda: HELD).weight == 40
    all_well(board, settings, clock.now)
    assert successor.step(lambda: HELD).weight == 40
    third, _ = started(settings, clock)
    assert weight(settings) == -100, "a hand-over is good for one successor"
    assert third.step(lambda: HELD).weight == -100


def test_a_restart_that_sees_nothing_is_unfit_after_the_grace(settings: config.Config) -> None:
    clock = Clock()
    holder(settings, clock).stop_cleanly()
    successor, _ = started(settings, clock)
    clock.now += 3.5
    assert successor.step(lambda: HELD).weight == -100


@pytest.mark.parametrize(("boot", "age"), [("other", 1.0), ("boot", 10.0), ("boot", -5.0)])
def test_an_old_or_foreign_hand_over_is_refused(tmp_path: Path, boot: str, age: float) -> None:
    file = tmp_path / "handover"
    act.Handover(file, boot).leave(40, 1000.0)
    assert act.Handover(file, "boot").take(1000.0 + age, 3.0) is None
    assert not file.exists()


def test_the_weight_file_is_written_on_change_only(tmp_path: Path) -> None:
    file = act.WeightFile(tmp_path / "weight")
    assert [file.write(w) for w in (0, 0, 40, 40)] == [True, False, True, False]
    file.path.unlink()
    assert file.write(40), "and when somebody has removed it"
    assert [f.name for f in tmp_path.iterdir()] == ["weight"], "no drafts are left"


def test_the_guard_sees_a_stalled_loop(settings: config.Config) -> None:
    clock = Clock()
    one, _ = started(settings, clock)
    guard = agent.Guard(one, 2.0, clock)
    clock.now += 1.9
    assert not guard.stalled()
    clock.now += 0.2
    assert guard.stalled()
    Path(settings.paths.weight_file).write_text("40\n")
    one.fail_closed()
    assert weight(settings) == -100
    guard.beat()
    assert not guard.stalled()


def test_the_guard_ends_a_stalled_process(
    settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", leave)
    guard = agent.Guard(started(settings, Clock())[0], 0.05, boottime)
    with pytest.raises(SystemExit, match=str(agent.EXIT_STALLED)):
        guard.watch()
    assert weight(settings) == -100


# --- the two ports ----------------------------------------------------------------------------


@pytest.fixture
def server() -> Any:
    one = Server(lambda: 1000.5)
    one.start("127.0.0.1", 0, 0)
    yield one
    one.stop()


def shown(held: bool = True) -> Snapshot:
    node = Node(make(), start=999.0)
    node.held = held
    decision = node.round()
    return Snapshot(node.config, decision, decision.verdict.weight, "boot", 7, 3, 0, 0, 0)


def get(server: Server, path: str) -> probes.Reply:
    url = f"http://127.0.0.1:{server.http_port}{path}"
    return probes.http_get(url, 2.0, want_body=True)


def ask_agent_check(server: Server) -> bytes:
    with socket.create_connection(("127.0.0.1", server.agent_check_port), 2.0) as link:
        return link.recv(100)


def test_before_the_first_decision(server: Server) -> None:
    assert get(server, "/peer").status == 503
    assert ask_agent_check(server) == b""


def test_a_peer_reads_what_a_peer_shows(server: Server) -> None:
    server.publish(shown())
    peer = gather.parse_peer(get(server, "/peer").body)
    assert (peer.name, peer.fit, peer.sees, peer.seq) == ("n1", True, ("n2", "n3"), 7)
    assert peer.vip_held_for is not None and peer.loop_age == pytest.approx(1.2)
    assert peer.checks == dict.fromkeys(
        (
            *("haproxy", "usable", "whole", "langflow", "share", "postgresql", "valkey"),
            *("memory", "work"),
        ),
        True,
    )
    assert peer.stage == Stage.IDLE


@pytest.mark.parametrize(
    ("word", "carries"),
    [("up 100%", True), ("up 5%", True), ("up 0%", False), ("down #it is ill", False)],
)
def test_a_peer_learns_who_gets_requests(server: Server, word: str, carries: bool) -> None:
    snapshot = shown()
    verdict = replace(snapshot.decision.verdict, agent_word=word)
    server.publish(replace(snapshot, decision=replace(snapshot.decision, verdict=verdict)))
    assert gather.parse_peer(get(server, "/peer").body).carries is carries


def test_a_peer_that_is_older_is_read_without_what_it_does_not_tell(server: Server) -> None:
    server.publish(shown())
    page = json.loads(get(server, "/peer").body)
    del page["recycling"], page["carries"]
    older = gather.parse_peer(json.dumps(page).encode())
    assert older.stage is None and older.carries


def test_status_metrics_and_agent_check(server: Server) -> None:
    server.publish(shown())
    assert json.loads(get(server, "/status").body)["standing"] == "fit"
    metrics = get(server, "/metrics").body.decode().splitlines()
    assert "langflow_ha_vip_weight 40" in metrics
    assert 'langflow_ha_check_ok{check="haproxy"} 1' in metrics
    assert 'langflow_ha_peer_reachable{peer="n2"} 1' in metrics
    assert "langflow_ha_healing_exhausted 0" in metrics
    assert "langflow_ha_langflow_memory_bytes 500" in metrics
    assert "langflow_ha_langflow_memory_bound_bytes 1000" in metrics
    assert "langflow_ha_recycling 0" in metrics
    assert "langflow_ha_langflow_recycles_total 0" in metrics
    assert ask_agent_check(server) == b"up 100%\n"
    assert get(server, "/secret").status == 404


def test_a_share_given_by_hand_reaches_the_balancers_and_outlives_the_agent(
    settings: config.Config, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {**RAW["paths"], "canary_file": settings.paths.canary_file}
    (tmp_path / "agent.json").write_text(json.dumps(raw(paths=paths)))

    def canary(*words: str) -> int:
        return cli.main(["--config", str(tmp_path / "agent.json"), "canary", *words])

    def word_of_a_new_agent() -> bytes:
        clock = Clock()
        one, board = started(settings, clock)
        all_well(board, settings, clock.now)
        server.publish(one.step(lambda: gather.look_around(settings)))
        return ask_agent_check(server)

    assert canary("on", "--weight", "22") == DONE
    assert canary("show") == DONE
    assert "canary is on, with 22 % of a full share" in capsys.readouterr().out
    assert [word_of_a_new_agent() for _ in range(2)] == [b"up 22%\n"] * 2
    assert json.loads(get(server, "/status").body)["canary_weight"] == 22
    assert "langflow_ha_traffic_percent 22" in get(server, "/metrics").body.decode()

    for bad in ("0", "100"):
        assert canary("on", "--weight", bad) == USAGE
    assert canary("on") == USAGE
    assert word_of_a_new_agent() == b"up 22%\n"

    assert canary("off") == canary("off") == DONE
    assert word_of_a_new_agent() == b"up 100%\n"
    assert json.loads(get(server, "/status").body)["canary_weight"] is None


def test_a_dawdling_client_spoils_nothing(server: Server) -> None:
    server.publish(shown())
    slow = [socket.create_connection(("127.0.0.1", server.http_port)) for _ in range(20)]
    try:
        begun = time.monotonic()
        assert get(server, "/peer").status == 200
        assert time.monotonic() - begun < 1.0
    finally:
        for link in slow:
            link.close()


@pytest.mark.parametrize("request_", [b"\r\n\r\n", b"POST /peer HTTP/1.1\r\n\r\n", b"x" * 20000])
def test_bad_requests_do_no_harm(server: Server, request_: bytes) -> None:
    server.publish(shown())
    with socket.create_connection(("127.0.0.1", server.http_port), 2.0) as link:
        link.sendall(request_)
        with suppress(ConnectionResetError):
            assert b" 200 " not in link.recv(100)
    assert get(server, "/peer").status == 200


# --- the command ------------------------------------------------------------------------------


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "agent.json"
    base = ["--config", str(file)]
    assert cli.main([*base, "agent", "--check-config"]) == USAGE
    file.write_text(json.dumps(raw(langflow=None)))
    assert cli.main([*base, "agent", "--check-config"]) == DONE
    assert cli.main([*base, "check", "langflow"]) == check.ABSENT
    capsys.readouterr()
    assert cli.main([*base, "check", "haproxy", "--json"]) == check.FAILED
    (result,) = json.loads(capsys.readouterr().out)
    assert (result["check"], result["code"]) == ("haproxy", check.FAILED)
