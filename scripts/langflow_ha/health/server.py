"""The agent's two ports: HTTP for peers, people and Prometheus; TCP for HAProxy's agent check."""

from __future__ import annotations

import asyncio

from langflow_ha.health.snapshot import Snapshot, metrics_text, peer_json, status_json
from langflow_ha.node.clock import Clock
from langflow_ha.node.pages import JSON, TEXT, PageServer

_PAGES = {
    b"/peer": (JSON, peer_json),
    b"/status": (JSON, status_json),
    b"/metrics": (TEXT, metrics_text),
}


class Server(PageServer[Snapshot]):
    """Serves the snapshot last published; until there is one, 503 and silence."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(_PAGES, clock)
        self.agent_check_port = 0

    def start(self, address: str, http_port: int, agent_check_port: int) -> None:
        """Listen. Raises `OSError` when a port is taken."""
        self.agent_check_port = self.listen(address, agent_check_port, self._agent_check)
        self.serve(address, http_port)

    async def _agent_check(
        self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # No word, no line: after a restart the agent closes the connection in silence until it has
        # seen LangFlow. HAProxy takes only a whole line for an answer; failing to get one changes
        # nothing ("Failure to connect to the agent is not considered an error", `agent-check` in
        # its manual), so a server keeps its state. "down" would throw out a healthy LangFlow, and
        # "up" would bring back one that is ill: only the agent may take back its own "down".
        snapshot = self.snapshot
        if snapshot and snapshot.decision.verdict.agent_word:
            writer.write(f"{snapshot.decision.verdict.agent_word}\n".encode())
