"""A daemon's loop as systemd knows it: ready, alive, stopping."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

from langflow_ha.node.clock import boottime
from langflow_ha.node.notify import Notifier


class Loop:
    """Repeats a step until SIGTERM or SIGINT, which end it from the moment it is made.

    A step that hangs sends no sign of life, so that systemd's watchdog ends the process.
    """

    def __init__(self) -> None:
        self._stopping = threading.Event()
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)

    def run(self, step: Callable[[], str], pulse: float) -> None:
        """Repeat `step`, which returns the line that `systemctl status` shows.

        Seconds from one sign of life to the next: `pulse`, a fraction of WatchdogSec. A new line is shown at once.
        """
        notifier, pulse_at, shown = Notifier(), 0.0, ""
        notifier.send("READY=1")
        while not self._stopping.is_set():
            status = step()
            now = boottime()
            if now >= pulse_at or status != shown:
                notifier.send("WATCHDOG=1", f"STATUS={status}")
                pulse_at, shown = now + pulse, status
        notifier.send("STOPPING=1")

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping.set()
