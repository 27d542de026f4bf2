"""What a balancer's access log says of each LangFlow in the last seconds. Runs on the node: standard library only.

Argument: seconds. Prints JSON: server -> `requests`, `errors`, and `times`: step -> number of requests, by `step_of`.

The log and not HAProxy's counters: those have the mean of the last 1024 requests for all that there is to know about time,
of which a flow that runs for a minute makes nonsense, and a reload sets them to zero.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

STEPS = 4
"""Steps of the logarithmic scale per factor of two: times within a fifth of each other count as equal."""


def step_of(milliseconds: float) -> int:
    """Return the step of the scale that a time belongs to."""
    return round(STEPS * math.log2(milliseconds + 1))


def count(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the numbers described above; what is no line of the access log is left out."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        try:
            entry = json.loads(line)
            backend, server, status = entry["backend"], entry["server"], int(entry["status"])
            waited = float(entry["ms_response"])
        except (ValueError, KeyError, TypeError):
            continue
        if not backend.startswith("langflow") or server == "<NOSRV>":
            continue
        of_server = found.setdefault(server, {"requests": 0, "errors": 0, "times": {}})
        of_server["requests"] += 1
        of_server["errors"] += status >= 500
        # -1: there was no answer. An error comes quickly or after a time-out; neither says how fast the node works.
        if waited >= 0 and status < 500:
            step = str(step_of(waited))
            of_server["times"][step] = of_server["times"].get(step, 0) + 1
    return found


def main(seconds: str) -> None:
    """Read the journal and print."""
    since = f"--since=-{seconds}s"
    command = ("journalctl", "--identifier=haproxy", "--output=cat", "--no-pager", "--quiet", since)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as journal:
        print(json.dumps(count(journal.stdout or ())))
    if journal.returncode:
        sys.exit(f"journalctl ended with {journal.returncode}")


if __name__ == "__main__":
    main(sys.argv[1])
