#!/usr/bin/python3 -IS
"""Servers of this HAProxy, through its admin socket: drain, undrain, save their state.

    langflow-ha-haproxy drain NAME SECONDS   # no new requests; wait for those in flight
    langflow-ha-haproxy undrain NAME
    langflow-ha-haproxy save-state

``drain`` and ``undrain`` print JSON: ``{"changed": bool, "sessions": int}``. Exit code 0 when the
wanted state is reached, 1 with the reason on stderr when not. Sessions that an older
process still serves after a reload are not seen. Standard library only, Python 3.11.
"""

from __future__ import annotations

import csv
import json
import socket
import sys
import time
from pathlib import Path

SOCKET = "/run/haproxy/admin.sock"
STATE_FILE = Path("/var/lib/haproxy/state/servers")
# What "drained" is in each backend. A cookie still leads clients to a server in state
# drain, so the backends with a cookie need maint, which leaves running requests alone too.
DRAINED = {
    "langflow": "drain",
    "langflow_sticky": "maint",
    "langflow_alive": "drain",
    "langflow_weighted": "maint",
}
# Flags of srv_admin_state that an operator sets (management guide, "show servers state"):
# forced maintenance and forced drain.
FORCED = {"maint": 0x01, "drain": 0x08}


class RefusedError(Exception):
    """HAProxy did not do what was asked; the text says what."""


def ask(command: str) -> str:
    """Send one command, return the whole answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(5)
        link.connect(SOCKET)
        link.sendall(command.encode() + b"\n")
        answer = b""
        while part := link.recv(65536):
            answer += part
    return answer.decode()


def rows(statistics: str, name: str) -> dict[str, dict[str, str]]:
    """Rows of ``show stat`` about server ``name``, by backend."""
    lines = csv.DictReader(statistics.removeprefix("# ").splitlines())
    return {row["pxname"]: row for row in lines if row["svname"] == name}


def servers(name: str) -> dict[str, dict[str, str]]:
    """State of the server in every backend of the edge."""
    found = rows(ask("show stat"), name)
    missing = [backend for backend in DRAINED if backend not in found]
    if missing:
        raise RefusedError(
            f"no server {name!r} in backend {', '.join(missing)}: see haproxy_servers"
        )
    return {backend: found[backend] for backend in DRAINED}


def admin_states(name: str) -> dict[str, int]:
    """Administrative flags of the server by backend (column srv_admin_state)."""
    lines = ask("show servers state").splitlines()
    columns = next(line for line in lines if line.startswith("#"))[1:].split()
    table = (dict(zip(columns, line.split(" "), strict=False)) for line in lines)
    return {r["be_name"]: int(r["srv_admin_state"]) for r in table if r.get("srv_name") == name}


def save_state() -> None:
    """Write the state file that the next process starts from."""
    temporary = STATE_FILE.with_suffix(".new")
    temporary.write_text(ask("show servers state"), encoding="ascii")
    temporary.replace(STATE_FILE)


def change(name: str, wanted: dict[str, str]) -> None:
    """Set the server's administrative state in each backend, and keep it over a restart."""
    for backend, state in wanted.items():
        answer = ask(f"set server {backend}/{name} state {state}").strip()
        if answer:
            raise RefusedError(f"{backend}/{name}: {answer}")
    save_state()


def drain(name: str, seconds: float) -> None:
    """Drain, then wait at most ``seconds`` for the requests in flight."""
    servers(name)
    flags = admin_states(name)
    changed = not all(flags[backend] & FORCED[state] for backend, state in DRAINED.items())
    if changed:
        change(name, DRAINED)
    deadline = time.monotonic() + seconds
    while sessions := sum(int(row["scur"]) for row in servers(name).values()):
        if time.monotonic() > deadline:
            raise RefusedError(f"{name}: {sessions} sessions still open after {seconds:g} s")
        time.sleep(0.2)
    print(json.dumps({"changed": changed, "sessions": sessions}))


def undrain(name: str) -> None:
    """Give the server back to its health checks."""
    servers(name)
    forced = sum(FORCED.values())
    changed = any(flags & forced for flags in admin_states(name).values())
    if changed:
        change(name, dict.fromkeys(DRAINED, "ready"))
    sessions = sum(int(row["scur"]) for row in servers(name).values())
    print(json.dumps({"changed": changed, "sessions": sessions}))


def main(arguments: list[str]) -> int:
    """Run the verb named on the command line."""
    try:
        match arguments:
            case ["drain", name, seconds]:
                drain(name, float(seconds))
            case ["undrain", name]:
                undrain(name)
            case ["save-state"]:
                save_state()
            case _:
                print(__doc__, file=sys.stderr)
                return 1
    except (OSError, ValueError, RefusedError) as error:
        print(f"langflow-ha-haproxy {' '.join(arguments)}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
