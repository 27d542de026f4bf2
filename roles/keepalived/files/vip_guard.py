#!/usr/bin/python3 -IS
"""Guard of the virtual IP around keepalived's life: before its start, after its end.

    langflow-ha-vip-guard prepare TRACKED_FILE [AGENT_UNIT]
    langflow-ha-vip-guard resign SOURCE ROUTER_ID VIP ADVERT_SECONDS PEER...

``prepare`` (ExecStartPre) makes the tracked file fit for a start. A keepalived that
starts holds no VIP, so a bonus for the holder (a value above 0) is void; without a
live health agent, and without a readable value, the node is unfit (fails closed).

``resign`` tells the peers, with VRRP adverts of priority 0 (RFC 5798 section 5.2.4),
that they need not wait for three missing adverts. Only after the VIP is gone here.

Exit code 0, or 1 with the reason on stderr. Standard library only, Python 3.11, and
few imports: every millisecond of ``resign`` is a millisecond without the VIP.
"""

from __future__ import annotations

import os
import socket
import struct
import sys

UNFIT = -100
VRRP_PROTOCOL = 112
# How many times the last word is said: an advert is a datagram, one may get lost.
REPEATS = 3


def starting_weight(written: str | None, agent_alive: bool, has_agent: bool) -> int:
    """Weight a keepalived may start with, from the tracked file's text (None = no file)."""
    if not has_agent:
        return 0
    if written is None or not agent_alive:
        return UNFIT
    try:
        return min(int(written), 0)
    except ValueError:
        return UNFIT


def checksum(data: bytes) -> int:
    """Internet checksum (RFC 1071) of ``data``, whose length is even."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def resignation(source: str, peer: str, router_id: int, vip: str, advert_seconds: float) -> bytes:
    """VRRPv3 advert of priority 0 for one IPv4 VIP, with its pseudo-header checksum.

    RFC 5798 sections 5.1 and 5.2.8; the interval on the wire is in hundredths of a second.
    """
    address = socket.inet_aton(vip)
    head = struct.pack("!BBBBH", 0x31, router_id, 0, 1, round(advert_seconds * 100) & 0x0FFF)
    length = len(head) + 2 + len(address)
    pseudo = socket.inet_aton(source) + socket.inet_aton(peer)
    pseudo += struct.pack("!BBH", 0, VRRP_PROTOCOL, length)
    return head + struct.pack("!H", checksum(pseudo + head + b"\0\0" + address)) + address


def resign(source: str, router_id: str, vip: str, advert_seconds: str, *peers: str) -> None:
    """Send the resignation to every peer, from the address that they know."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, VRRP_PROTOCOL) as raw:
        raw.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
        raw.bind((source, 0))
        for _ in range(REPEATS):
            for peer in peers:
                advert = resignation(source, peer, int(router_id), vip, float(advert_seconds))
                raw.sendto(advert, (peer, 0))


def prepare(tracked_file: str, agent_unit: str = "") -> None:
    """Write the starting weight, leaving the file to the owner of its directory."""
    import subprocess  # here, because resign must not wait for it
    from pathlib import Path

    file = Path(tracked_file)
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    written: str | None = None
    if file.exists():
        written = file.read_text(encoding="ascii", errors="replace")[:32].strip()
    is_active = ["systemctl", "--quiet", "is-active", agent_unit]
    alive = bool(agent_unit) and subprocess.run(is_active, check=False).returncode == 0
    weight = starting_weight(written, alive, bool(agent_unit))
    if written == str(weight):
        return
    owner = file.parent.stat()
    temporary = file.with_name(f"{file.name}.keepalived")
    temporary.write_text(f"{weight}\n", encoding="ascii")
    os.chown(temporary, owner.st_uid, owner.st_gid)
    temporary.replace(file)
    print(f"weight {weight} (was {written}, health agent {'alive' if alive else 'not running'})")


def main(arguments: list[str]) -> int:
    """Run the verb named on the command line."""
    try:
        match arguments:
            case ["prepare", *rest] if len(rest) in (1, 2):
                prepare(*rest)
            case ["resign", source, router_id, vip, advert_seconds, *peers]:
                resign(source, router_id, vip, advert_seconds, *peers)
            case _:
                print(__doc__, file=sys.stderr)
                return 1
    except (OSError, ValueError) as error:
        print(f"langflow-ha-vip-guard {' '.join(arguments)}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
