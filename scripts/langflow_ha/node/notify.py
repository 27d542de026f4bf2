"""Talk to systemd: `sd_notify(3)` is one datagram on a UNIX socket."""

from __future__ import annotations

import os
import socket


class Notifier:
    """Sends READY, STATUS and WATCHDOG; silent when not started by systemd."""

    def __init__(self, path: str | None = None) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "") if path is None else path
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def send(self, *lines: str) -> None:
        """Send `KEY=value` lines as one message."""
        if self._address:
            self._socket.sendto("\n".join(lines).encode(), self._address)
