"""Single questions to the world over raw sockets, each bounded by one time-out for the whole.

Raw sockets rather than `http.client`: some twenty questions a second must cost next to nothing
on a machine that has LangFlow to run. Each function returns, or raises `OSError`
(`TimeoutError` when the time is over).
"""

from __future__ import annotations

import ipaddress
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_LONGEST_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: status code and body (empty unless asked for)."""

    status: int
    body: bytes = b""


class _Deadline:
    """The time left for a whole conversation, however slowly the other side drips."""

    def __init__(self, timeout: float) -> None:
        self._end = time.monotonic() + timeout

    def arm(self, connection: socket.socket) -> None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        connection.settimeout(left)


def http_get(url: str, timeout: float, *, want_body: bool = False) -> Reply:
    """GET a plain HTTP URL with a literal address."""
    parts = urlsplit(url)
    address, port = parts.hostname or "", parts.port or 80
    deadline = _Deadline(timeout)
    with socket.create_connection((address, port), timeout) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        deadline.arm(connection)
        request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("ascii"))
        answer = b""
        while want_body or b"\r\n" not in answer:
            deadline.arm(connection)
            piece = connection.recv(_LONGEST_ANSWER)
            answer += piece
            if not piece or len(answer) >= _LONGEST_ANSWER:
                break
    return _parse_reply(answer)


def _parse_reply(answer: bytes) -> Reply:
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise ConnectionError("no HTTP answer")
    return Reply(int(words[1]), body)


def tcp_stays_open(address: str, port: int, timeout: float, linger: float = 0.1) -> None:
    """Connect and see that the other side does not hang up within `linger` seconds.

    A TCP proxy without a server behind it accepts and closes at once; a mere connect would call
    that healthy. Nothing is sent: PostgreSQL does not log a client that says nothing.
    """
    with socket.create_connection((address, port), timeout) as connection:
        connection.settimeout(min(linger, timeout))
        with suppress(TimeoutError):
            if not connection.recv(1):
                raise ConnectionResetError("closed at once")


def resp_ping(address: str, port: int, timeout: float) -> None:
    """PING a Valkey. `-NOAUTH` is as good as `+PONG`: it answers, and needs no password here."""
    deadline = _Deadline(timeout)
    with socket.create_connection((address, port), timeout) as connection:
        deadline.arm(connection)
        connection.sendall(b"PING\r\n")
        deadline.arm(connection)
        answer = connection.recv(128)
    if not answer.startswith((b"+PONG", b"-NOAUTH")):
        raise ConnectionError(f"answered {answer[:40]!r}" if answer else "closed without an answer")


def host_answers(address: str, port: int, timeout: float) -> None:
    """Is the host in reach? A refusal proves it as well as an open port does."""
    with suppress(ConnectionRefusedError):
        socket.create_connection((address, port), timeout).close()


def address_present(addresses: tuple[str, ...], proc: Path = Path("/proc/self/net")) -> bool:
    """Does this machine have one of the addresses now? Read from the kernel's own tables.

    Not by binding a socket: `ip_nonlocal_bind` lets that succeed anywhere.
    """
    for address in map(ipaddress.ip_address, addresses):
        if address.version == 4:
            table = (proc / "fib_trie").read_text(encoding="ascii")
            leaves = table.split(f"|-- {address}\n")[1:]
            if any("/32 host LOCAL" in leaf.partition("|--")[0] for leaf in leaves):
                return True
        elif _has_ipv6(proc / "if_inet6", address.packed.hex()):
            return True
    return False


def _has_ipv6(table: Path, wanted: str) -> bool:
    try:
        lines = table.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:  # IPv6 is switched off
        return False
    return any(line.startswith(wanted + " ") for line in lines)
