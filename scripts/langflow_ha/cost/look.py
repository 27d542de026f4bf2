"""One look at a node's processes, unit by unit. Runs on the node: standard library only, reads /proc and nothing else.

Prints JSON: `at`, seconds; `units`, name -> [seconds of processor time, KiB of memory]; `ended`, seconds of processor time of
processes that systemd itself has seen end, such as jobs of timers.

Not systemd's own accounting: with version 1 of control groups it has none unless a unit asks for it.
"""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
UNIT = re.compile(r"/([^/\n]+\.service)$", re.MULTILINE)
USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM = 11, 12, 13, 14
"""Positions in /proc/PID/stat after the name, counted from 0: proc_pid_stat(5)."""


def look() -> dict[str, object]:
    """Return what is described above.

    Time of children that have ended is their parent's, so the sum of a unit only grows as long as its main process lives.
    Memory is the proportional set size: what processes share counts once.
    """
    units: dict[str, list[float]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            unit = UNIT.search((process / "cgroup").read_text())
            stat = (process / "stat").read_text().rpartition(")")[2].split()
            shares = (process / "smaps_rollup").read_text()
        except OSError:  # it has ended, or is the kernel's
            continue
        if not unit:
            continue
        found = units.setdefault(unit[1], [0.0, 0.0])
        ticks = sum(int(stat[i]) for i in (USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM))
        found[0] += ticks * TICK_S
        found[1] += sum(
            int(line.split()[1]) for line in shares.splitlines() if line.startswith("Pss:")
        )
    init = Path("/proc/1/stat").read_text().rpartition(")")[2].split()
    ended = (int(init[CHILDREN_USER]) + int(init[CHILDREN_SYSTEM])) * TICK_S
    return {"at": time.monotonic(), "units": units, "ended": ended}


if __name__ == "__main__":
    print(json.dumps(look()))
