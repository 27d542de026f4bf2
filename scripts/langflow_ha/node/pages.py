"""A process' own pages over HTTP, rendered from the snapshot that it last published.

One thread with an asyncio loop, which never touches the loop that decides: a flood of requests or
a client that dawdles can spoil an answer, not a verdict.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from langflow_ha.node.clock import Clock

JSON, TEXT = "application/json", "text/plain; version=0.0.4"

_REQUEST_TIMEOUT = 1.0
_MOST_CONNECTIONS = 64
_LONGEST_REQUEST = 8192

S = TypeVar("S")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def as_json(value: object) -> bytes:
    """Return a page of type JSON."""
    return json.dumps(value).encode()


class Listener:
    """Ports and their conversations, each bounded by `request_timeout` seconds."""

    def __init__(self, request_timeout: float = _REQUEST_TIMEOUT) -> None:
        self._request_timeout = request_timeout
        self._connections = 0
        self._loop = asyncio.new_event_loop()

    def listen(self, address: str | Sequence[str], port: int, handler: Handler) -> int:
        """Bind a port of one or more addresses before the thread runs (0 = any, of the first); the port.

        Raises `OSError` when it is taken.
        """
        server = self._loop.run_until_complete(
            asyncio.start_server(
                self._guarded(handler), address, port, limit=_LONGEST_REQUEST, backlog=64
            )
        )
        return int(server.sockets[0].getsockname()[1])

    def run(self) -> None:
        """Run the thread."""
        threading.Thread(target=self._loop.run_forever, name="server", daemon=True).start()

    def stop(self) -> None:
        """Stop serving; for tests, the process' end does the same."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _guarded(self, handler: Handler) -> Handler:
        """Bound a conversation in time, and all of them in number."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self._connections >= _MOST_CONNECTIONS:
                writer.transport.abort()
                return
            self._connections += 1
            try:
                async with asyncio.timeout(self._request_timeout):
                    await handler(reader, writer)
                    await writer.drain()
                    writer.close()
                    await writer.wait_closed()
            except (TimeoutError, OSError, ValueError, EOFError):
                writer.transport.abort()
            finally:
                self._connections -= 1

        return serve


class PageServer(Listener, Generic[S]):
    """Serves `pages` (path: content type, renderer); until a snapshot is published, 503."""

    def __init__(
        self, pages: Mapping[bytes, tuple[str, Callable[[S, float], bytes]]], clock: Clock
    ) -> None:
        super().__init__()
        self._pages = pages
        self._clock = clock
        self.snapshot: S | None = None
        self.http_port = 0

    def publish(self, snapshot: S) -> None:
        """Show this from now on."""
        self.snapshot = snapshot

    def serve(self, address: str | Sequence[str], http_port: int) -> None:
        """Listen for HTTP and run the thread. Raises `OSError` when the port is taken."""
        self.http_port = self.listen(address, http_port, self._http)
        self.run()

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, path = await read_request(reader)
        snapshot, page = self.snapshot, self._pages.get(path)
        if method != b"GET":
            answer(writer, "405 Method Not Allowed", TEXT, b"GET only\n")
        elif page is None:
            known = b", ".join(sorted(self._pages))
            answer(writer, "404 Not Found", TEXT, known + b"\n")
        elif snapshot is None:
            answer(writer, "503 Service Unavailable", TEXT, b"no decision yet\n")
        else:
            kind, render = page
            answer(writer, "200 OK", kind, render(snapshot, self._clock()))


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return a request's method and its path without the query; ValueError for what is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise ValueError("request too long") from None
    method, path, _ = head.split(b"\r\n", 1)[0].split(b" ", 2)
    return method, path.partition(b"?")[0]


def answer(
    writer: asyncio.StreamWriter,
    status: str,
    kind: str,
    body: bytes,
    headers: Sequence[tuple[str, str]] = (),
    *,
    with_body: bool = True,
) -> None:
    """Write a whole answer, further headers included; a HEAD's has no body."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += ["Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode("ascii") + (body if with_body else b""))
