#!/usr/bin/env python3
"""Wait until LangFlow on this node is ready: ``/health_check`` answers 200.

Never ``/health``, which answers 200 whatever is broken. gunicorn binds the port long
before the application is ready, so a TCP check says nothing.

In the unit it ends with LangFlow: systemd runs it to its end although the main process is gone, and starts
nothing anew before that.
Exit codes: 0 ready, 1 not ready in time, or its process (``MAINPID``) has ended (with what was seen last).
"""

import argparse
import http.client
import os
import sys
import time
from collections.abc import Callable


def look(host: str, port: int, timeout: float) -> tuple[bool, str]:
    """Ask once. Returns (ready, what was seen); timeout in seconds."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/health_check")
        response = connection.getresponse()
        body = response.read(300).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return False, f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return response.status == http.client.OK, f"HTTP {response.status} {body}"


def lives(process: int) -> bool:
    """Whether a process of this user is there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait(
    ask: Callable[[], tuple[bool, str]],
    seconds: float,
    *,
    alive: Callable[[], bool] = lambda: True,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[bool, str]:
    """Ask every half second until ready, not ``alive`` or ``seconds`` are over; returns the last answer."""
    end = clock() + seconds
    while True:
        ready, seen = ask()
        if ready or clock() >= end:
            return ready, seen
        if not alive():
            return False, f"LangFlow has ended; {seen}"
        sleep(0.5)


def main() -> int:
    """Read host, port and process from the service's environment, wait, say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wait", type=float, default=300, metavar="SECONDS")
    parser.add_argument(
        "--timeout", type=float, default=5, metavar="SECONDS", help="of one request"
    )
    options = parser.parse_args()
    host, port = os.environ["LANGFLOW_HOST"], int(os.environ["LANGFLOW_PORT"])
    process = int(os.environ.get("MAINPID", "0"))
    start = time.monotonic()
    ready, seen = wait(
        lambda: look(host, port, options.timeout),
        options.wait,
        alive=lambda: not process or lives(process),
    )
    took = time.monotonic() - start
    if ready:
        print(f"ready after {took:.1f} s: {seen}")
        return 0
    print(f"not ready after {took:.0f} s; last seen at {host}:{port}: {seen}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
