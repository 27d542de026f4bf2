"""The loop: gather, decide, show. The database is read by a thread of its own, so a hanging one stops no answer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from langflow_ha.exporter.config import Config, Secrets
from langflow_ha.exporter.database import Database
from langflow_ha.exporter.decide import decide
from langflow_ha.exporter.model import Look, Question, State
from langflow_ha.exporter.snapshot import Snapshot, metrics_text, status_json
from langflow_ha.node.clock import boottime
from langflow_ha.node.loop import Loop
from langflow_ha.node.pages import JSON, TEXT, PageServer

_PULSE = 3.0
"""Seconds between two signs of life to systemd, a fraction of WatchdogSec."""
_TICK = 1.0
"""Seconds that a step waits for news."""


class Reader:
    """Answers questions one after the other."""

    def __init__(self, look: Callable[[Question], Look]) -> None:
        self._look = look
        self._questions: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._looks: queue.SimpleQueue[Look] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="reader", daemon=True).start()

    def ask(self, question: Question) -> None:
        """Have a question answered; the answer is in `news` later."""
        self._questions.put(question)

    def news(self, timeout: float) -> list[Look]:
        """Return the answers of which there are some within `timeout` seconds."""
        try:
            return [self._looks.get(timeout=timeout)]
        except queue.Empty:
            return []

    def _work(self) -> None:
        while True:
            self._looks.put(self._look(self._questions.get()))


def run(config: Config, secrets: Secrets) -> None:
    """Run until SIGTERM or SIGINT. Raises `OSError` when the port is taken."""
    loop, limits = Loop(), config.limits
    database = Database(secrets.database, limits.timeout, limits.runs, boottime)
    reader = Reader(database.look)
    pages = {b"/status": (JSON, status_json), b"/metrics": (TEXT, metrics_text)}
    server: PageServer[Snapshot] = PageServer(pages, boottime)
    server.serve(config.listen_addresses, config.http_port)
    state = State()

    def step() -> str:
        nonlocal state
        decision = decide(config, state, reader.news(_TICK), boottime())
        state = decision.state
        if decision.ask:
            reader.ask(decision.ask)
        server.publish(Snapshot(config, state))
        return state.error or f"{len(state.flows)} flows"

    loop.run(step, _PULSE)
