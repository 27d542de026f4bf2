"""The process: it serves until it is told to stop, and is restarted when it no longer can."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from langflow_ha.node.notify import Notifier
from langflow_ha.page.config import Config
from langflow_ha.page.server import Server

_PULSE = 3.0
"""Seconds between two signs of life to systemd, a fraction of WatchdogSec."""


def run(config: Config) -> None:
    """Run until SIGTERM or SIGINT. Raises `OSError` when the port is taken."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server, notifier = Server(config), Notifier()
    server.start()
    notifier.send("READY=1")
    while not stopping.wait(_PULSE):
        if server.turns(_PULSE):
            notifier.send("WATCHDOG=1")
    notifier.send("STOPPING=1")
