"""The scripts run for real, under bash, with the node's commands replaced by ones that take notes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from langflow_ha.drill import faults
from langflow_ha.drill.faults import script

COMMANDS = ("systemd-run", "systemctl", "nft", "pkill", "pgrep", "id", "patronictl", "sleep")


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for command in COMMANDS:
        file = tmp_path / command
        reads = 'test "$1" != -f || cat >> "$NOTES"' if command == "nft" else "true"
        file.write_text(f'#!/bin/sh\necho "{command} $*" >> "$NOTES"\n{reads}\n')
        file.chmod(0o755)
    (tmp_path / "id").write_text("#!/bin/sh\necho 105\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setattr(script, "DIRECTORY", str(tmp_path / "run"))
    return tmp_path


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", "-s"], input=script, capture_output=True, text=True, check=False
    )


def inject(fault_id: str, peers6: tuple[str, ...] = ("fd00::2", "fd00::3")) -> str:
    return faults.injection_script(faults.FAULTS[fault_id], ("10.0.0.2", "10.0.0.3"), peers6, 90)


def test_the_undo_is_armed_before_the_fault_and_the_time_printed(node: Path) -> None:
    done = run(inject("haproxy_killed"))
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[0]) > 1e9
    notes = (node / "notes").read_text().splitlines()
    assert notes[0].startswith("systemd-run")
    assert "--on-active=90s" in notes[0]
    assert notes[1] == "systemctl kill --signal=KILL haproxy.service"
    assert "start --no-block haproxy" in (node / "run" / "haproxy_killed.sh").read_text()


def test_nothing_breaks_when_the_undo_cannot_be_armed(node: Path) -> None:
    (node / "systemd-run").write_text("#!/bin/sh\nexit 1\n")
    assert run(inject("haproxy_killed")).returncode != 0
    assert not (node / "notes").exists()


def test_cut_off_drops_both_ways_for_both_protocols(node: Path) -> None:
    done = run(inject("cut_off"))
    assert done.returncode == 0, done.stderr
    rules = (node / "notes").read_text()
    for rule in (
        "ip saddr { 10.0.0.2, 10.0.0.3 } drop",
        "ip daddr { 10.0.0.2, 10.0.0.3 } drop",
        "ip6 saddr { fd00::2, fd00::3 } drop",
        "ip6 daddr { fd00::2, fd00::3 } drop",
    ):
        assert rule in rules
    assert "flush" not in rules


def test_cut_off_without_ipv6_writes_no_ipv6_rule(node: Path) -> None:
    assert run(inject("cut_off", ())).returncode == 0
    assert "ip6" not in (node / "notes").read_text()


def test_the_database_cut_spares_the_database_user(node: Path) -> None:
    assert run(inject("database_cut")).returncode == 0
    assert "tcp dport 5432 meta skuid != 105 drop" in (node / "notes").read_text()


@pytest.mark.parametrize(
    "fault",
    [
        part
        for fault in faults.FAULTS.values()
        for part in (fault, fault.first)
        if part and not part.power
    ],
    ids=lambda f: f.id,
)
def test_every_fault_can_be_injected_and_undone_twice(node: Path, fault: faults.Fault) -> None:
    (node / "pgrep").write_text("#!/bin/sh\necho\n")
    shutdown = faults.injection_script(fault, ("10.0.0.2",), (), 90).replace(
        "kill -KILL $(", "true $("
    )
    assert run(shutdown).returncode == 0
    for _ in range(2):
        undone = run(faults.undo_script(fault))
        assert undone.returncode == 0, undone.stderr
    assert not list((node / "run").iterdir())


def test_a_fault_under_way_is_seen(node: Path) -> None:
    (node / "systemctl").write_text("#!/bin/sh\nexit 3\n")
    (node / "nft").write_text("#!/bin/sh\nexit 1\n")
    assert run(faults.active_script()).stdout == ""
    run(inject("haproxy_killed"))
    assert "haproxy_killed.sh exists" in run(faults.active_script()).stdout


def test_two_faults_of_one_drill_have_undos_of_their_own(node: Path) -> None:
    """The node that restarts may be a balancer too: its drain must not lose its timer."""
    fault = faults.FAULTS["langflow_restarted"]
    assert fault.first
    for part in (fault.first, fault):
        script = faults.injection_script(part, (), (), 90, ("n1", "n2"))
        assert run(script.replace("/usr/local/libexec/", "true ")).returncode == 0
    assert len(list((node / "run").iterdir())) == 2
    assert run(faults.undo_script(fault, ("n1", "n2"))).returncode == 0
    (left,) = (node / "run").iterdir()
    assert "TARGETS='n1 n2'" in left.read_text()
    timers = [
        line for line in (node / "notes").read_text().splitlines() if line.startswith("systemd-run")
    ]
    assert len({line.split("--unit=")[1].split()[0] for line in timers}) == 2


@pytest.mark.parametrize(
    ("fault", "rules"),
    [
        ("etcd_cut", ["meta skuid 105 tcp dport { 2379, 2380 } drop"]),
        ("vrrp_cut", ["input priority", "output priority", "meta l4proto 112 drop"]),
        (
            "valkey_cut",
            [
                f"ip {way} {{ 10.0.0.2, 10.0.0.3 }} tcp {port} {{ 6379, 26379 }} drop"
                for way in ("saddr", "daddr")
                for port in ("sport", "dport")
            ],
        ),
    ],
)
def test_a_cut_drops_what_it_says(node: Path, fault: str, rules: list[str]) -> None:
    assert run(inject(fault)).returncode == 0
    notes = (node / "notes").read_text()
    assert [rule for rule in rules if rule not in notes] == []


def test_only_the_unit_that_the_node_has_is_touched(node: Path) -> None:
    (node / "systemctl").write_text(
        '#!/bin/sh\necho "systemctl $*" >> "$NOTES"\n'
        'test "$1" != is-enabled || test "$3" = redis-server.service\n'
    )
    assert run(inject("valkey_lost")).returncode == 0
    notes = (node / "notes").read_text()
    assert "systemctl stop redis-server.service" in notes
    assert "systemctl stop valkey" not in notes
