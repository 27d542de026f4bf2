"""The share as it is set up, and under faults. After every one all acknowledged files are there, byte for byte."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest
from langflow_ha.lab.model import Lab
from machines import CLIENTS, FILE_BYTES, SERVER, Machines, Write

REPORT_BOUND_S = 5.0
"""Within this the agent has to report a share that fails."""
RETURN_BOUND_S = 30.0
"""Within this writes go on once the server listens again: its grace time (15 s) and the clients' next try to connect."""
LATE_BOUND_S = 60.0
"""Within this a node that booted without the server serves: grace time, a try to mount that is under way, start of LangFlow."""
NFS_PORT = 2049
DOWN = "down #share failing only here"

Figure = Callable[[str, float], None]


@pytest.fixture(autouse=True)
def well_before_and_after(machines: Machines) -> object:
    """No test starts in the trouble of another."""
    machines.all_well()
    return None


def test_one_version_on_one_port(lab: Lab, machines: Machines) -> None:
    assert machines.shell(SERVER, "cat /proc/fs/nfsd/versions").split() == [
        *("-3", "+4", "-4.0", "-4.1", "+4.2")
    ]
    listening = machines.shell(SERVER, "ss --no-header --listening --numeric --tcp --udp").split()
    assert f"{lab.node(SERVER).address}:{NFS_PORT}" in listening
    assert not any(place.endswith(":111") for place in listening), "the portmapper runs"


def test_lease_and_grace_time(machines: Machines) -> None:
    files = "/proc/fs/nfsd/nfsv4leasetime /proc/fs/nfsd/nfsv4gracetime"
    assert machines.shell(SERVER, f"cat {files}").split() == ["10", "15"]


def test_mount_options(machines: Machines) -> None:
    for name in CLIENTS:
        line = machines.shell(name, "grep ' /srv/langflow nfs4 ' /proc/mounts")
        options = set(line.split()[3].split(","))
        wanted = {"vers=4.2", "hard", "sync", "timeo=50", "retrans=2", "lookupcache=pos"}
        assert wanted | {"nosuid", "nodev", "noexec"} <= options


def test_root_and_strangers_are_kept_out(machines: Machines) -> None:
    for user in ("", "setpriv --reuid=1234 --regid=1234 --clear-groups "):
        refused = f"! {user}ls /srv/langflow/files && ! {user}touch /srv/langflow/files/x"
        machines.shell("app1", refused)


def test_the_share_comes_before_langflow(machines: Machines) -> None:
    show = "systemctl show --property=Requires,After langflow.service"
    for line in machines.shell("app1", show).splitlines():
        assert "srv-langflow.mount" in line


def test_a_file_is_on_the_other_node_at_once(machines: Machines) -> None:
    """Also when that node has just looked for it in vain."""
    for number in range(5):
        file = f"at-once-{number}"
        with pytest.raises(OSError, match="404"):
            machines.get("app2", f"/{file}")
        digest = machines.put("app1", file, b"x" * FILE_BYTES)
        assert machines.get("app2", f"/{file}") == digest


def report_time(machines: Machines, name: str, word: str) -> float:
    """Seconds until a node's agent says that word because of its share; its VIP weight stays the same."""
    took = machines.until(lambda: machines.view(name).word == word, timeout=60)
    assert machines.view(name).weight == 0
    return took


def under_way(writes: list[Write], since: float = 0.0) -> bool:
    """Whether several writes that began after that moment are acknowledged."""
    return sum(write.acknowledged and write.begun > since for write in list(writes)) >= 3


def longest_gap(writes: list[Write], since: float) -> float:
    """Longest time between two acknowledged writes, from just before that moment on."""
    ends = [write.ended for write in writes if write.acknowledged]
    ends = [max((end for end in ends if end < since), default=since)] + [
        end for end in ends if end >= since
    ]
    return max(after - before for before, after in itertools.pairwise(ends))


def test_one_node_cut_off_from_the_server(lab: Lab, machines: Machines, figure: Figure) -> None:
    """Silence: the server's packets do not arrive. The mount hangs on one node only."""
    route = f"blackhole {lab.node('app1').address}/32"
    with machines.writing("app1", "cut") as here, machines.writing("app2", "cut-other") as there:
        machines.until(lambda: under_way(here) and under_way(there))
        machines.shell(SERVER, f"ip route add {route}")
        try:
            took = report_time(machines, "app1", DOWN)
            figure("hung mount until the agent's word", took)
            assert machines.view("app2").word == "up 100%"
        finally:
            machines.shell(SERVER, f"ip route del {route}")
        mended = time.monotonic()
        figure("hung mount until back in traffic", report_time(machines, "app1", "up 100%"))
        machines.until(lambda: under_way(here, mended) and under_way(there, mended))
    assert took <= REPORT_BOUND_S
    assert machines.lost(here, "app2") == []
    assert machines.lost(there, "app1") == []


def test_read_only_for_one_node(lab: Lab, machines: Machines, figure: Figure) -> None:
    client = str(lab.node("app1").address)
    # With its other options as they are: another fsid would be another directory to the clients.
    options = machines.shell(
        SERVER, f"exportfs -s | grep -F ' {client}(' | sed 's/.*(\\(.*\\))/\\1/'"
    )
    read_only = ",".join(
        "ro" if option == "rw" else option for option in options.strip().split(",")
    )
    machines.shell(SERVER, f"exportfs -o {read_only} {client}:/srv/nfs/langflow")
    try:
        took = report_time(machines, "app1", DOWN)
        figure("read-only until the agent's word", took)
        assert "Read-only" in machines.view("app1").detail
        assert machines.view("app2").word == "up 100%"
    finally:
        machines.shell(SERVER, "exportfs -r")
    machines.all_well()
    assert took <= REPORT_BOUND_S


def test_export_gone(machines: Machines, figure: Figure) -> None:
    """On every node at once: each sees it, and nothing moves."""
    digest = machines.put("app1", "before-the-export-went", b"y" * FILE_BYTES)
    machines.shell(SERVER, "exportfs -ua")
    try:
        took = max(
            machines.until(lambda name=name: machines.view(name).share is False, timeout=60)  # type: ignore[misc]
            for name in CLIENTS
        )
        figure("export gone until every agent sees it", took)
        with pytest.raises(OSError, match="500"):
            machines.put("app1", "while-it-was-gone", b"z" * FILE_BYTES, timeout=30)
        time.sleep(2)  # time in which something could move
        views = [machines.view(name) for name in CLIENTS]
        assert [(view.word, view.weight) for view in views] == [("up 100%", 0)] * 2
    finally:
        machines.shell(SERVER, "exportfs -r")
    machines.all_well()
    assert machines.get("app2", "/before-the-export-went") == digest
    assert took <= REPORT_BOUND_S


def writes_over(machines: Machines, name: str, away: Callable[[], float]) -> tuple[float, float]:
    """Write on both nodes while the server is taken away and comes back; nothing may fail or be lost.

    `away` returns when the server was back. Returns the longest gap between two writes, and how much of
    it was after that moment; both in seconds.
    """
    with machines.writing("app1", name) as one, machines.writing("app2", f"{name}-other") as two:
        machines.until(lambda: under_way(one) and under_way(two))
        gone = time.monotonic()
        back = away()
        machines.until(lambda: under_way(one, back) and under_way(two, back))
    assert machines.lost(one, "app2") == []
    assert machines.lost(two, "app1") == []
    assert all(write.acknowledged for write in (*one, *two)), "a write failed instead of waiting"
    gap = max(longest_gap(one, gone), longest_gap(two, gone))
    return gap, max(gone + gap - back, 0.0)


def test_the_server_is_restarted(machines: Machines, figure: Figure) -> None:
    """As an update of its package does."""

    def restart() -> float:
        machines.shell(SERVER, "systemctl restart nfs-server.service")
        return time.monotonic()

    gap, waited = writes_over(machines, "restart", restart)
    figure("server's restart: longest gap between writes", gap)
    assert waited <= RETURN_BOUND_S


def test_the_server_loses_power(machines: Machines, figure: Figure) -> None:
    def power() -> float:
        machines.power_off(SERVER)
        machines.power_on(SERVER)
        machines.until(lambda: machines.listens(SERVER, NFS_PORT))
        return time.monotonic()

    gap, waited = writes_over(machines, "power", power)
    figure("server's power cut: longest gap between writes", gap)
    figure("of it, after the server listened again", waited)
    assert waited <= RETURN_BOUND_S


def test_a_client_loses_power(machines: Machines) -> None:
    """Acknowledged means on the server's disk, though nobody called fsync."""
    # The write that is under way gets no answer any more.
    with machines.writing("app1", "client-power", patience=20) as writes:
        machines.until(lambda: under_way(writes))
        machines.power_off("app1")
    assert machines.lost(writes, "app2") == []
    machines.power_on("app1")
    machines.all_well()


def test_a_node_boots_while_the_server_is_away(machines: Machines, figure: Figure) -> None:
    machines.power_off(SERVER)
    machines.power_off("app2")
    machines.power_on("app2")
    machines.until(lambda: machines.view("app2").share is False)
    state = "systemctl is-active langflow-ha-mount-again.service"
    machines.until(lambda: machines.shell("app2", f"{state} || true").strip() == "active")
    machines.power_on(SERVER)
    machines.until(lambda: machines.listens(SERVER, NFS_PORT))
    took = machines.until(lambda: machines.get("app2", "/") != "")
    figure("server listens until the late node serves", took)
    assert took <= LATE_BOUND_S
    machines.all_well()
