"""What LangFlow holds and has in hand, read from files as the kernel writes them."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from langflow_ha.health import burden

OWN = "/system.slice/langflow-ha-agent.service"
V2 = "anon 700\nfile 9000\nkernel 30\nshmem 20\nsock 5\n"
V1 = "cache 9000\nrss 1\nshmem 1\nswap 1\ntotal_cache 9000\ntotal_rss 700\ntotal_shmem 20\ntotal_swap 3\n"


def machine(tmp_path: Path, cgroup: str, mounts: list[str]) -> Path:
    (tmp_path / "cgroup").write_text(cgroup)
    lines = [f"{i} 1 0:{i} {mount}\n" for i, mount in enumerate(mounts)]
    (tmp_path / "mountinfo").write_text("".join(lines))
    return tmp_path


def unit(root: Path, stat: str, **files: str) -> None:
    group = root / "system.slice/langflow.service"
    group.mkdir(parents=True)
    for name, text in {"memory.stat": stat, **files}.items():
        (group / name.replace("_", ".")).write_text(text)


def version_2(tmp_path: Path, above: str = "", root: str = "/") -> Path:
    mount = f"{root} {tmp_path}/fs rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
    return machine(tmp_path, f"0::{above}{OWN}\n", ["/ /proc rw - proc proc rw", mount])


def version_1(tmp_path: Path, root: str = "/", above: str = "") -> Path:
    text = f"9:cpu,cpuacct:{above}{OWN}\n4:memory:{above}{OWN}\n1:name=systemd:{above}{OWN}\n0::{above}{OWN}\n"
    mounts = [
        f"{root} {tmp_path}/cpu rw - cgroup cgroup rw,cpu,cpuacct",
        f"{root} {tmp_path}/fs rw - cgroup cgroup rw,memory",
        f"{root} {tmp_path}/unified rw - cgroup2 cgroup2 rw",
    ]
    return machine(tmp_path, text, mounts)


def test_version_2_without_page_cache_and_with_swap(tmp_path: Path) -> None:
    unit(tmp_path / "fs", V2, memory_swap_current="3\n")
    assert burden.memory_held("langflow.service", version_2(tmp_path)) == 723


def test_version_2_where_swap_is_not_counted(tmp_path: Path) -> None:
    unit(tmp_path / "fs", V2)
    assert burden.memory_held("langflow.service", version_2(tmp_path)) == 720


def test_version_1_and_both_at_once(tmp_path: Path) -> None:
    unit(tmp_path / "fs", V1)
    assert burden.memory_held("langflow.service", version_1(tmp_path)) == 723


@pytest.mark.parametrize(("root", "below"), [("/", "docker/4f"), ("/docker/4f", "")])
@pytest.mark.parametrize("version", [version_1, version_2])
def test_in_a_container_that_sees_the_tree_of_its_host(
    tmp_path: Path, version: object, root: str, below: str
) -> None:
    stat = V1 if version is version_1 else V2
    unit(tmp_path / "fs" / below, stat)
    proc = version(tmp_path, above="/docker/4f", root=root)  # type: ignore[operator]
    assert burden.memory_held("langflow.service", proc) in (720, 723)


def test_a_unit_that_does_not_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"langflow\.service does not run"):
        burden.memory_held("langflow.service", version_2(tmp_path))


def test_an_agent_by_hand_cannot_tell(tmp_path: Path) -> None:
    proc = machine(tmp_path, "0::/user.slice/session-1.scope\n", [])
    with pytest.raises(FileNotFoundError, match="in no unit"):
        burden.memory_held("langflow.service", proc)


def test_without_counted_memory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no cgroup of the agent counts memory"):
        burden.memory_held("langflow.service", machine(tmp_path, f"1:cpu:{OWN}\n", []))
    with pytest.raises(FileNotFoundError, match="is mounted"):
        burden.memory_held("langflow.service", machine(tmp_path, f"0::{OWN}\n", []))


# --- work --------------------------------------------------------------------------------------

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue\n"
ROWS = [
    ("0B00000A:1EB4", "01"),  # 7860, answered now
    ("0B00000A:1EB4", "08"),  # the client has gone
    ("0B00000A:1EB4", "06"),  # over
    ("00000000:1EB4", "0A"),  # listens
    ("0B00000A:1F0F", "01"),  # another port
    ("0B00000A:C001", "01"),  # this node's own question to 7860 elsewhere
]


def sockets(tmp_path: Path) -> Path:
    lines = [
        f"   {i}: {local} 0C00000A:1EB4 {state} 0:0\n" for i, (local, state) in enumerate(ROWS)
    ]
    (tmp_path / "tcp").write_text(HEADER + "".join(lines))
    return tmp_path


def test_requests_are_connections_that_are_open(tmp_path: Path) -> None:
    net = sockets(tmp_path)
    assert burden.work_in_flight(7860, "", 1.0, net) == 2, "and IPv6 may be switched off"
    (net / "tcp6").write_text(HEADER + "   0: 000000000000000000000000:1EB4 0:0 01 0:0\n")
    assert burden.work_in_flight(7860, "", 1.0, net) == 3


@pytest.fixture
def runs() -> Iterator[tuple[str, dict[str, object]]]:
    status: dict[str, object] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(status).encode())

        def log_message(self, *_: object) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/status", status
    server.shutdown()
    server.server_close()


def test_runs_that_wait_count(tmp_path: Path, runs: tuple[str, dict[str, object]]) -> None:
    url, status = runs
    status["queued_here"] = 5
    assert burden.work_in_flight(7860, url, 2.0, sockets(tmp_path)) == 7


@pytest.mark.parametrize("said", [{}, {"queued_here": None}])
def test_runs_that_cannot_be_counted_are_not_none(
    tmp_path: Path, runs: tuple[str, dict[str, object]], said: dict[str, object]
) -> None:
    url, status = runs
    status |= said
    with pytest.raises(ValueError, match="does not tell"):
        burden.work_in_flight(7860, url, 2.0, sockets(tmp_path))
