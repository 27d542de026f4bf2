"""The scripts run for real, under bash, with the node's commands replaced by ones that take notes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from langflow_ha.drill import faults
from langflow_ha.drill.faults import Around, script
from langflow_ha.drill.faults.script import DATABASE_DISK

COMMANDS = ("systemd-run", "systemctl", "nft", "pkill", "pgrep", "id", "sleep", "tc", "ip")
RUNNING = ("ssh", "dbus", "systemd-journald", "etcd", "patroni", "langflow-ha-failover")
# A cluster that is paused, or not.
PATRONICTL = """\
#!/bin/sh
echo "patronictl $*" >> "$NOTES"
case $3 in
  pause) test ! -e "$NOTES.paused" && touch "$NOTES.paused" ;;
  resume) rm "$NOTES.paused" ;;
  show-config) test ! -e "$NOTES.paused" || echo "pause: true" ;;
esac
"""
# HAProxy's unit refuses a reload with what the drill writes into its file.
SYSTEMCTL = """\
#!/bin/sh
here=$(dirname "$0")
echo "systemctl $*" >> "$NOTES"
case $1 in
  list-units) printf "{lines}" ;;
  reload) test $2 != haproxy.service || ! grep -q no.such.keyword $here/haproxy.cfg ;;
  show) echo "$here/drive1 $here/drive2" ;;
esac
"""
# Never the clock of the machine that runs the tests.
DATE = """\
#!/bin/sh
test "$1" = -s || exec /bin/date "$@"
echo "date $*" >> "$NOTES"
"""
# A disk of 1000 blocks for the databases, of which 3 are never given to anybody; nothing of this machine's.
FINDMNT = """\
#!/bin/sh
case "$*" in *--mountpoint*) echo "7:1 {root} {type}" ;; *) printf "8:1\\n7:1\\n{more}" ;; esac
"""
STAT = """\
#!/bin/sh
case "$*" in *%f*) echo "1000 * 4096" ;; *%a*) echo 3 ;; *%d*) echo 71 ;; esac
"""
FALLOCATE = """\
#!/bin/sh
echo "fallocate $*" >> "$NOTES"
test $(($2 + $4)) -le $((997 * 4096))
"""
LARGE_OBJECT = "files/user/drill-large-1.txt"
PART = f"drive2/langflow/{LARGE_OBJECT}/uuid/part.1"
FORMAT = ".minio.sys/format.json"
AROUND = Around(
    ("10.0.0.2", "10.0.0.3"), ("fd00::2", "fd00::3"), ("10.0.0.9",), ("fd00::9",), ("n1", "n2")
)


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for command in COMMANDS:
        file = tmp_path / command
        reads = 'test "$1" != -f || cat >> "$NOTES"' if command == "nft" else "true"
        file.write_text(f'#!/bin/sh\necho "{command} $*" >> "$NOTES"\n{reads}\n')
        file.chmod(0o755)
    (tmp_path / "id").write_text("#!/bin/sh\necho 105\n")
    (tmp_path / "date").write_text(DATE)
    (tmp_path / "date").chmod(0o755)
    for name, answer in (("ip", "10.0.0.2 dev ens3 src 10.0.0.1"), ("tc", "qdisc noqueue 0: root")):
        with (tmp_path / name).open("a") as answers:
            answers.write(f'echo "{answer}"\n')
    lines = "".join(f"{unit}.service loaded active running x\\n" for unit in RUNNING)
    (tmp_path / "systemctl").write_text(SYSTEMCTL.format(lines=lines))
    (tmp_path / "haproxy.cfg").write_text("defaults\n")
    part = tmp_path / PART
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(range(256)) * 32)
    for drive in ("drive1", "drive2"):
        (tmp_path / drive / ".minio.sys").mkdir(parents=True)
        (tmp_path / drive / FORMAT).write_text("x")
    (tmp_path / "databases").mkdir()
    for name, text in (
        ("patronictl", PATRONICTL),
        ("runuser", "#!/bin/sh\necho 10.0.0.3\n"),
        ("mountpoint", "#!/bin/sh\n"),
        ("findmnt", FINDMNT.format(root="/", type="ext4", more="")),
        ("stat", STAT),
        ("fallocate", FALLOCATE),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setattr(script, "DIRECTORY", str(tmp_path / "run"))
    return tmp_path


def run(script: str) -> subprocess.CompletedProcess[str]:
    here = os.environ["NOTES"].removesuffix("/notes")
    script = script.replace("/etc/haproxy", here)
    script = script.replace(DATABASE_DISK, f"{here}/databases")
    script = script.replace("/etc/patroni/config.yml", f"{here}/databases.yml")
    return subprocess.run(
        ["/bin/bash", "-s"], input=script, capture_output=True, text=True, check=False
    )


def inject(fault_id: str, around: Around = AROUND) -> str:
    return faults.injection_script(faults.FAULTS[fault_id], around, 90)


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
    assert run(inject("cut_off", replace(AROUND, peers6=()))).returncode == 0
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
    (node / "databases.yml").write_text("  data_dir: /x\n")
    shutdown = faults.injection_script(fault, replace(AROUND, targets=()), 90).replace(
        "kill -KILL $(", "true $("
    )
    assert run(shutdown).returncode == 0
    for part in (node / PART, node / "drive2" / FORMAT):  # healed
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(bytes(range(256)) * 32)
    for _ in range(2):
        undone = run(faults.undo_script(fault))
        assert undone.returncode == 0, undone.stderr
    assert not list((node / "run").iterdir())


def test_a_disk_is_filled_to_the_last_block_and_emptied(node: Path) -> None:
    (node / "databases.yml").write_text("  data_dir: /x\n")
    done = run(inject("disk_full"))
    assert done.returncode == 0, done.stderr
    filler = node / "databases/langflow-ha-drill.filler"
    notes = (node / "notes").read_text()
    taken = [line.split() for line in notes.splitlines() if line.startswith("fallocate")]
    assert all(Path(words[-1]) == filler for words in taken)
    given = [(int(w[2]), int(w[4])) for w in taken if int(w[2]) + int(w[4]) <= 997 * 4096]
    assert sum(length for _, length in given) == 997 * 4096
    assert f"{filler} exists" in run(faults.active_script()).stdout
    assert run(faults.undo_script(faults.FAULTS["disk_full"])).returncode == 0
    assert not filler.exists()


@pytest.mark.parametrize(
    ("command", "answer", "why"),
    [
        ("mountpoint", "#!/bin/sh\nexit 1\n", "is no disk of its own"),
        (
            "findmnt",
            FINDMNT.format(root="/volumes/x", type="ext4", more=""),
            "is /volumes/x of a larger file system",
        ),
        (
            "findmnt",
            FINDMNT.format(root="/", type="zfs", more=""),
            "is zfs, and may share its space",
        ),
        ("findmnt", FINDMNT.format(root="/", type="ext4", more="7:1\\n"), "is mounted in 2 places"),
        (
            "stat",
            '#!/bin/sh\ncase "$3" in /x) echo 1 ;; *) echo 2 ;; esac\n',
            "the databases (/x) are not on it",
        ),
    ],
)
def test_a_disk_that_others_live_on_is_never_filled(
    node: Path, command: str, answer: str, why: str
) -> None:
    (node / "databases.yml").write_text("  data_dir: /x\n")
    (node / command).write_text(answer)
    for text in (faults.PREPARATIONS["own_disk"], inject("disk_full")):
        done = run(text)
        assert done.returncode == 1
        assert why in done.stderr
    notes = node / "notes"
    assert not notes.exists() or "fallocate" not in notes.read_text()
    assert not (node / "databases/langflow-ha-drill.filler").exists()


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
        text = faults.injection_script(part, AROUND, 90)
        assert run(text.replace("/usr/local/libexec/", "true ")).returncode == 0
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


@pytest.mark.parametrize(
    ("fault", "there", "absent"), [("deaf", "saddr", "daddr"), ("mute", "daddr", "saddr")]
)
def test_a_one_way_link_is_cut_one_way(node: Path, fault: str, there: str, absent: str) -> None:
    assert run(inject(fault)).returncode == 0
    notes = (node / "notes").read_text()
    assert f"ip {there} {{ 10.0.0.2, 10.0.0.3 }} drop" in notes
    assert f"ip6 {there} {{ fd00::2, fd00::3 }} drop" in notes
    assert absent not in notes


def test_one_link_is_that_to_the_synchronous_standby_and_spares_vrrp(node: Path) -> None:
    assert run(inject("link_cut")).returncode == 0
    notes = (node / "notes").read_text()
    assert "ip saddr 10.0.0.3 meta l4proto tcp drop" in notes
    assert "ip daddr 10.0.0.3 meta l4proto tcp drop" in notes
    assert "10.0.0.2" not in notes


def test_without_a_standby_no_link_is_cut(node: Path) -> None:
    (node / "runuser").write_text("#!/bin/sh\n")
    done = run(inject("link_cut"))
    assert done.returncode != 0
    assert "no synchronous standby" in done.stderr
    assert "drop" not in (node / "notes").read_text()


def test_a_frozen_host_is_silent_and_still_but_for_what_mends_it(node: Path) -> None:
    assert run(inject("host_frozen")).returncode == 0
    notes = (node / "notes").read_text()
    stopped = (
        "systemctl kill --signal=STOP etcd.service patroni.service langflow-ha-failover.service"
    )
    order = ["systemd-run", "systemctl service-watchdogs no", "nft -f", stopped, "pkill -STOP"]
    assert [notes.index(part) for part in order] == sorted(notes.index(part) for part in order)
    for rule in (
        "ip saddr { 10.0.0.2, 10.0.0.3 } drop",
        "ip daddr { 10.0.0.2, 10.0.0.3 } drop",
        "ip daddr { 10.0.0.9 } drop",
        "ip6 daddr { fd00::9 } drop",
        "arp operation request arp daddr ip { 10.0.0.9 } drop",
    ):
        assert rule in notes
    (node / "notes").write_text("")
    assert run(faults.undo_script(faults.FAULTS["host_frozen"])).returncode == 0
    notes = (node / "notes").read_text()
    for deed in (
        "systemctl kill --signal=CONT *.service",
        "nft delete table arp",
        "nft delete table inet",
        "systemctl service-watchdogs yes",
    ):
        assert deed in notes


def test_the_watchers_of_a_frozen_host_stand_still_too() -> None:
    """The pattern must mean the command that `watch.py` starts, and nothing else of the drill."""
    stop = next(
        line for line in faults.FAULTS["host_frozen"].inject.splitlines() if "pkill" in line
    )
    pattern = stop.split("'")[1]
    watcher = 'python3 -u - {"vips": ["10.0.0.9"], "address": "10.0.0.1"}'
    assert re.search(pattern, watcher)
    assert not re.search(pattern, "/bin/bash -s")


def test_a_pause_is_sure_or_fails_and_ends_with_the_undo(node: Path) -> None:
    pause = faults.FAULTS["power_while_paused"].first
    assert pause
    assert run(faults.injection_script(pause, AROUND, 90)).returncode == 0
    assert (node / "notes.paused").exists()
    assert run(faults.injection_script(pause, AROUND, 90)).returncode == 0, "paused by another"
    (node / "patronictl").write_text("#!/bin/sh\ntest $3 != show-config || echo 'pause: true'\n")
    stuck = run(faults.undo_script(pause))
    assert stuck.returncode != 0
    assert "still paused" in stuck.stderr
    assert list((node / "run").iterdir()), "the timer tries again"
    (node / "patronictl").write_text("#!/bin/sh\n")
    assert run(faults.injection_script(pause, AROUND, 90)).returncode != 0


def test_etcd_is_led_from_here(node: Path) -> None:
    (node / "etcdctl").write_text(
        '#!/bin/sh\necho "etcdctl $* at $ETCDCTL_ENDPOINTS" >> "$NOTES"\n'
        'test "$1" != member || printf "1a, started, n2, x, y, false\\n2b, started, n1, x, y, false\\n"\n'
    )
    (node / "etcdctl").chmod(0o755)
    (node / "etcdctl.env").write_text("ETCDCTL_ENDPOINTS=https://n1:2379,https://n2:2379\n")
    (node / "etcd.env").write_text("ETCD_NAME=n1\nETCD_DATA_DIR=/x\n")
    prepare = faults.PREPARATIONS["etcd_leader_here"].replace("/etc/etcd", str(node))
    assert run(prepare).returncode == 0
    last = (node / "notes").read_text().splitlines()[-1]
    assert last == "etcdctl move-leader 2b at https://n1:2379,https://n2:2379"
    (node / "etcdctl.env").unlink()
    assert "no etcd member on this node" in run(prepare).stderr


# Three members, one of them named in a file: the leader. The synchronous standby is always the next one.
ROLES = """\
#!/bin/sh
leader=$(cat "$NOTES.leader")
case $leader in n1) next=n2 ;; n2) next=n3 ;; n3) next=n1 ;; esac
case $3 in
  switchover) echo "$leader to ${next}" >> "$NOTES"; echo $next > "$NOTES.leader" ;;
  list)
    printf "Cluster\\tMember\\tHost\\tRole\\n"
    for member in n1 n2 n3; do
      case $member in $leader) role=Leader ;; $next) role="Sync Standby" ;; *) role=Replica ;; esac
      printf "demo\\t$member\\t10.0.0.1\\t$role\\n"
    done ;;
esac
"""


@pytest.mark.parametrize(
    ("preparation", "leader", "handed_over"),
    [
        ("primary_here", "n3", []),
        ("primary_here", "n2", ["n2 to n3"]),
        ("primary_here", "n1", ["n1 to n2", "n2 to n3"]),
        ("primary_elsewhere", "n2", []),
        ("primary_elsewhere", "n3", ["n3 to n1"]),
    ],
)
def test_the_primary_is_brought_where_it_is_wanted(
    node: Path, preparation: str, leader: str, handed_over: list[str]
) -> None:
    (node / "patronictl").write_text(ROLES)
    (node / "notes.leader").write_text(f"{leader}\n")
    (node / "config.yml").write_text("scope: demo\nname: n3\n")
    done = run(faults.PREPARATIONS[preparation].replace("/etc/patroni", str(node)))
    assert done.returncode == 0, done.stderr
    notes = node / "notes"
    assert (notes.read_text().splitlines() if notes.exists() else []) == handed_over


def test_a_primary_that_will_not_come_is_said(node: Path) -> None:
    (node / "patronictl").write_text(ROLES.replace('echo $next > "$NOTES.leader"', "true"))
    (node / "notes.leader").write_text("n1\n")
    (node / "config.yml").write_text("name: n3\n")
    done = run(faults.PREPARATIONS["primary_here"].replace("/etc/patroni", str(node)))
    assert done.returncode == 1
    assert "could not be brought here" in done.stderr
    assert "no PostgreSQL on this node" in run(faults.PREPARATIONS["primary_here"]).stderr


def test_a_broken_configuration_is_refused_and_taken_away_again(node: Path) -> None:
    assert run(inject("haproxy_misconfigured")).returncode == 0
    assert "no such keyword" in (node / "haproxy.cfg").read_text()
    assert run(faults.undo_script(faults.FAULTS["haproxy_misconfigured"])).returncode == 0
    assert (node / "haproxy.cfg").read_text() == "defaults\n"
    last = (node / "notes").read_text().splitlines()[-2:]
    assert last[0] == "systemctl reload-or-restart haproxy.service"


def test_a_reload_that_takes_a_broken_configuration_fails_the_drill(node: Path) -> None:
    (node / "systemctl").write_text("#!/bin/sh\n")
    done = run(inject("haproxy_misconfigured"))
    assert done.returncode != 0
    assert "told to take a broken configuration" in done.stderr


def test_one_byte_rots_and_the_healed_part_is_left_alone(node: Path) -> None:
    before = (node / PART).read_bytes()
    done = run(inject("bit_rot"))
    assert done.returncode == 0, done.stderr
    rotten = (node / PART).read_bytes()
    assert [i for i, (a, b) in enumerate(zip(before, rotten, strict=True)) if a != b] == [4096]
    scrub = node / "langflow-ha-store-scrub"
    scrub.write_text(
        f'#!/bin/sh\necho "$1" > "$NOTES.scrub"\ncp "{node}/run/bit_rot.part" "{node / PART}"\n'
    )
    scrub.chmod(0o755)
    assert run(faults.undo_script(faults.FAULTS["bit_rot"])).returncode == 0
    assert (node / "notes.scrub").read_text() == f"{LARGE_OBJECT}\n"
    assert (node / PART).read_bytes() == before
    assert list((node / "run").iterdir()) == []


def test_a_part_that_nobody_healed_is_put_back_and_told(node: Path) -> None:
    before = (node / PART).read_bytes()
    run(inject("bit_rot"))
    undone = run(faults.undo_script(faults.FAULTS["bit_rot"]))
    assert undone.returncode != 0
    assert "the scrub did not heal" in undone.stderr
    assert (node / PART).read_bytes() == before
    assert list((node / "run").iterdir()) == []
    assert "systemctl stop langflow-ha-drill-undo-bit_rot.timer" in (node / "notes").read_text()


def test_a_file_of_somebody_else_never_rots(node: Path) -> None:
    (node / "drive2/langflow/files/user/drill-large-1.txt").rename(
        node / "drive2/langflow/files/user/report.txt"
    )
    done = run(inject("bit_rot"))
    assert done.returncode != 0
    assert "no part of the clients' large file" in done.stderr


@pytest.fixture
def drives(node: Path) -> tuple[Path, Path]:
    """Two drives of a MinIO with one object that was stored two minutes ago."""
    found = (node / "drive1", node / "drive2")
    for drive in found:
        file = drive / "langflow/files/old.txt/xl.meta"
        file.parent.mkdir(parents=True)
        file.write_text("x")
        os.utime(file, (time.time() - 120,) * 2)
    return found


def fill(drives: tuple[Path, Path]) -> None:
    shutil.copytree(drives[0], drives[1], dirs_exist_ok=True)


def test_an_emptied_drive_that_is_filled_again_is_well(drives: tuple[Path, Path]) -> None:
    done = run(inject("drive_emptied"))
    assert done.returncode == 0, done.stderr
    assert (list(drives[1].iterdir()), (drives[0] / ".minio.sys").exists()) == ([], True)
    fill(drives)
    undone = run(faults.undo_script(faults.FAULTS["drive_emptied"]))
    assert undone.returncode == 0, undone.stderr
    assert list((drives[0].parent / "run").iterdir()) == []


def test_what_is_still_on_its_way_is_not_asked_for(drives: tuple[Path, Path]) -> None:
    run(inject("drive_emptied"))
    fill(drives)
    (drives[0] / "langflow/files/new.txt").mkdir()
    (drives[0] / "langflow/files/new.txt/xl.meta").write_text("x")
    assert run(faults.undo_script(faults.FAULTS["drive_emptied"])).returncode == 0


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("langflow/files/old.txt/xl.meta", "without a part on it: 1"),
        (FORMAT, "without a part on it: all"),
    ],
)
def test_a_drive_that_is_not_filled_is_told(
    drives: tuple[Path, Path], harm: str, words: str
) -> None:
    run(inject("drive_emptied"))
    fill(drives)
    (drives[1] / harm).unlink()
    undone = run(faults.undo_script(faults.FAULTS["drive_emptied"]))
    assert undone.returncode != 0
    assert words in undone.stderr


def test_a_directory_without_a_format_is_never_emptied(node: Path) -> None:
    (node / "drive2" / FORMAT).unlink()
    done = run(inject("drive_emptied"))
    assert done.returncode != 0
    assert "no drive of MinIO's" in done.stderr
    assert (node / PART).exists()


def test_the_sentinels_go_where_the_master_is_not(node: Path) -> None:
    first = faults.FAULTS["valkey_lost_unseen"].first
    assert first
    assert (first.id, faults.FAULTS["valkey_lost_unseen"].first_on_targets) == (
        "sentinel_lost",
        False,
    )
    assert run(faults.injection_script(first, AROUND, 90)).returncode == 0
    assert "systemctl stop valkey-sentinel.service" in (node / "notes").read_text()


def test_only_what_goes_to_the_peers_is_slow_and_lossy(node: Path) -> None:
    assert run(inject("links_poor")).returncode == 0
    done = [line for line in (node / "notes").read_text().splitlines() if line.startswith("tc ")]
    assert done[1:] == [
        "tc qdisc add dev ens3 root handle 1: prio bands 4",
        "tc qdisc add dev ens3 parent 1:4 netem delay 100ms loss 10%",
        "tc filter add dev ens3 parent 1: protocol ip u32 match ip dst 10.0.0.2 flowid 1:4",
        "tc filter add dev ens3 parent 1: protocol ip u32 match ip dst 10.0.0.3 flowid 1:4",
    ]


def test_only_etcds_ports_are_slow(node: Path) -> None:
    assert run(inject("etcd_slow")).returncode == 0
    filters = [line for line in (node / "notes").read_text().splitlines() if "filter" in line]
    assert len(filters) == 8
    for port in ("sport 2379", "dport 2379", "sport 2380", "dport 2380"):
        assert sum(f"match ip {port} 0xffff" in line for line in filters) == 2


def test_a_link_that_somebody_else_shapes_is_left_alone(node: Path) -> None:
    (node / "tc").write_text('#!/bin/sh\necho "tc $*" >> "$NOTES"\necho "qdisc htb 1: root"\n')
    done = run(inject("links_poor"))
    assert done.returncode == 1
    assert "ens3 shapes its traffic already" in done.stderr
    assert "add" not in (node / "notes").read_text()
    assert run(faults.undo_script(faults.FAULTS["links_poor"])).returncode == 0
    assert "del" not in (node / "notes").read_text()


@pytest.mark.parametrize(("fault", "shift"), [("clock_ahead", 60), ("clock_behind", -60)])
def test_a_clock_goes_wrong_and_right_again(node: Path, fault: str, shift: int) -> None:
    began = time.time()
    assert run(inject(fault)).returncode == 0
    time.sleep(0.5)
    assert run(faults.undo_script(faults.FAULTS[fault])).returncode == 0
    ended = time.time()
    notes = (node / "notes").read_text().splitlines()
    wrong, right = (float(line.split("@")[1]) for line in notes if line.startswith("date -s"))
    assert began - 0.1 <= wrong - shift <= ended
    # What has passed meanwhile is in it.
    assert began + 0.4 <= right <= ended + 0.1
    units = [line.split()[1] for line in notes if line.startswith("systemctl st")]
    assert units[:3] == ["stop"] * 3
    assert units[3:6] == ["start"] * 3


@pytest.mark.parametrize(
    ("preparation", "command", "text", "why"),
    [
        (
            "netem",
            "unshare",
            "#!/bin/sh\necho unknown >&2\nexit 2\n",
            "cannot delay packets: unknown",
        ),
        ("own_clock", "systemd-detect-virt", "#!/bin/sh\n", "shares its host's clock"),
        ("watchdog", "find", "#!/bin/sh\n", "Patroni holds no watchdog device"),
    ],
)
def test_what_a_kernel_lacks_is_said(
    node: Path, preparation: str, command: str, text: str, why: str
) -> None:
    (node / command).write_text(text)
    (node / command).chmod(0o755)
    done = run(faults.PREPARATIONS[preparation])
    assert done.returncode == 1
    assert why in done.stderr
