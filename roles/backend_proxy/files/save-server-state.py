#!/usr/bin/python3
"""Save what the running backend proxy knows about its servers, for the worker that replaces it.

Without this a fresh worker takes every server for up until its first check, and the first connections
after a reload may reach a replica. Failing is harmless (that short window comes back), so the exit
code is always 0 and a reload never depends on it.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

RUNTIME = Path("/run/backend-proxy")
TIMEOUT_SECONDS = 2.0


def read_states(path: Path) -> bytes:
    """Return HAProxy's answer to ``show servers state``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_SECONDS)
        connection.connect(str(path))
        connection.sendall(b"show servers state\n")
        answer = bytearray()
        while chunk := connection.recv(65536):
            answer += chunk
    return bytes(answer)


def main() -> int:
    """Replace the state file in one step, so that a reader never sees half of it."""
    try:
        states = read_states(RUNTIME / "admin.sock")
        new = RUNTIME / "server-state.new"
        new.write_bytes(states)
        new.replace(RUNTIME / "server-state")
    except OSError as error:
        print(f"server states not saved: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
