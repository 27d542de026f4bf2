"""What the local LangFlow holds and has in hand: memory by its cgroup, work by its connections and queued runs.

Memory counts that only the end of the process frees: anonymous memory, shared memory and files in a tmpfs, and
what of these was swapped out. Not `memory.current`, in which the page cache is: it grows up to any limit in a
process that leaks nothing. Not RSS, which counts what several processes share once for each, and which the
unit's `ProtectProc=invisible` hides from the agent.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from langflow_ha.health.probes import http_get

_KEYS = {"cgroup": ("total_rss", "total_shmem", "total_swap"), "cgroup2": ("anon", "shmem")}
"""What is summed of memory.stat. In version 2 swap has a file of its own."""
_SLICE = "/system.slice/"
_ESTABLISHED, _CLOSE_WAIT = "01", "08"
"""States in /proc/net/tcp. In the second the client has gone, and LangFlow has not noticed: it works on."""


def memory_held(unit: str, proc: Path = Path("/proc/self")) -> int:
    """Bytes that the unit's processes hold. Raises `OSError` when it does not run, or is not counted."""
    kind, group = _memory_cgroup(unit, proc)
    try:
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        raise FileNotFoundError(f"{unit} does not run, or its memory is not counted") from None
    stat = dict(line.split(" ", 1) for line in lines)
    held = sum(int(stat.get(key, "0")) for key in _KEYS[kind])
    if kind == "cgroup2":
        # There is none where the kernel does not count swap.
        with suppress(FileNotFoundError):
            held += int((group / "memory.swap.current").read_text(encoding="ascii"))
    return held


def work_in_flight(
    port: int, runs_url: str, timeout: float, net: Path = Path("/proc/self/net")
) -> int:
    """How many requests LangFlow answers now, and how many background runs wait in its memory.

    A balancer opens a connection for each request, so connections are requests. A run that is being
    executed is not counted: LangFlow finishes it when it is told to stop, which it does not for one
    that waits. Raises `OSError` or `ValueError` when that cannot be told.
    """
    requests = sum(_connections(net / table, port) for table in ("tcp", "tcp6"))
    return requests + (_queued_here(runs_url, timeout) if runs_url else 0)


def _memory_cgroup(unit: str, proc: Path) -> tuple[str, Path]:
    """The version and the directory of the unit's cgroup, found by the agent's own: both are in system.slice.

    In a container the tree may begin elsewhere than at the mount point, hence the mount's root.
    """
    controllers, own = _own_cgroup((proc / "cgroup").read_text(encoding="ascii"))
    kind = "cgroup" if controllers else "cgroup2"
    above, in_slice, _ = own.partition(_SLICE)
    if not in_slice:
        raise FileNotFoundError(f"the agent is in {own}, in no unit of {_SLICE.strip('/')}")
    for line in (proc / "mountinfo").read_text(encoding="utf-8").splitlines():
        mount, _, source = line.partition(" - ")
        root, point = mount.split(" ")[3:5]
        filesystem, _, options = source.split(" ", 2)
        if filesystem == kind and (kind == "cgroup2" or "memory" in options.split(",")):
            below = above.removeprefix(root.rstrip("/"))
            return kind, Path(f"{point}{below}{_SLICE}{unit}")
    raise FileNotFoundError(f"no {kind} with memory is mounted")


def _own_cgroup(text: str) -> tuple[str, str]:
    """Controllers and path of the hierarchy that counts memory; version 2 has no controllers there."""
    lines = [line.split(":", 2)[1:] for line in text.splitlines()]
    counted = [(names, path) for names, path in lines if "memory" in names.split(",")]
    unified = [(names, path) for names, path in lines if not names]
    found = [*counted, *unified]
    if not found:
        raise FileNotFoundError("no cgroup of the agent counts memory")
    return found[0]


def _connections(table: Path, port: int) -> int:
    try:
        rows = table.read_text(encoding="ascii").splitlines()[1:]
    except FileNotFoundError:  # IPv6 is switched off
        return 0
    ending, states = f":{port:04X}", (_ESTABLISHED, _CLOSE_WAIT)
    fields = (row.split() for row in rows)
    return sum(field[1].endswith(ending) and field[3] in states for field in fields)


def _queued_here(url: str, timeout: float) -> int:
    reply = http_get(url, timeout, want_body=True)
    queued = json.loads(reply.body).get("queued_here")
    if not isinstance(queued, int):
        raise ValueError(f"{url} does not tell how many runs are queued here")
    return queued
