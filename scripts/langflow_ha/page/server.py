"""The daemon's port: this node's report for the other nodes, the page for HAProxy."""

from __future__ import annotations

import asyncio
import json
import threading
import traceback

from langflow_ha.node.pages import JSON, TEXT, Listener, answer, read_request
from langflow_ha.page import render
from langflow_ha.page.assets import POLICY
from langflow_ha.page.config import Config
from langflow_ha.page.gather import Fresh, gather, own_report
from langflow_ha.page.model import Answer, Page

HTML, PLAIN = "text/html; charset=utf-8", "text/plain; charset=utf-8"
_SLACK_S = 2.0
"""For what is not waiting for others: reading the request, rendering, sending."""
_HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
_NOTHING = (PLAIN, b"there is no such page\n")
_PAGE = "/ha/"


class Server(Listener):
    """Asks nobody before somebody asks it: at rest it costs nothing."""

    def __init__(self, config: Config) -> None:
        super().__init__(request_timeout=config.limits.answer + _SLACK_S)
        self._config = config
        self._report: Fresh[Answer] = Fresh(lambda: own_report(config), config.limits.fresh)
        self._page: Fresh[Page] = Fresh(lambda: gather(config, self._report), config.limits.fresh)
        self._failed = (
            f"The page could not be made; why: journalctl -u langflow-ha-page on {config.node}. "
            "On the controller: langflow-ha status\n"
        ).encode()
        self.port = 0

    def start(self) -> None:
        """Listen. Raises `OSError` when the port is taken."""
        self.port = self.listen(self._config.listen_address, self._config.port, self._http)
        self.run()

    def turns(self, timeout: float) -> bool:
        """Tell whether the loop that answers still turns."""
        turned = threading.Event()
        self._loop.call_soon_threadsafe(turned.set)
        return turned.wait(timeout)

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, path = await read_request(reader)
        if method not in (b"GET", b"HEAD"):
            allow = ("Allow", "GET, HEAD")
            answer(writer, "405 Method Not Allowed", PLAIN, b"GET or HEAD\n", (*_HEADERS, allow))
            return
        try:
            found = await self._found(path.decode("ascii", "replace"))
        except Exception:  # whatever nobody foresaw must not leave a reader without a word
            traceback.print_exc()
            answer(writer, "500 Internal Server Error", PLAIN, self._failed, _HEADERS)
            return
        status, (kind, body) = ("200 OK", found) if found else ("404 Not Found", _NOTHING)
        headers = (*_HEADERS, ("Content-Security-Policy", POLICY)) if kind == HTML else _HEADERS
        answer(writer, status, kind, body, headers, with_body=method == b"GET")

    async def _found(self, path: str) -> tuple[str, bytes] | None:
        """Return a path's content type and body, None when there is nothing at it."""
        if path == "/alive":
            return PLAIN, b"yes\n"
        if path == "/report":
            told = await self._report.get()
            return JSON, json.dumps({"error": told} if isinstance(told, str) else told).encode()
        if self._config.page and path == _PAGE:
            return HTML, render.html(await self._page.get())
        if self._config.page and path == f"{_PAGE}status.json":
            return JSON, render.data(await self._page.get())
        if self._config.page and path == "/metrics":
            return TEXT, render.metrics(await self._page.get())
        return None
