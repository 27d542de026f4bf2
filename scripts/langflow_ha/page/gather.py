"""Asks the nodes and the Alertmanagers, everybody at once and nobody for longer than a bound."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from langflow_ha.page.config import Config, Member
from langflow_ha.page.decide import firing, page
from langflow_ha.page.model import Alerting, Answer, Page

_LONGEST_ANSWER = 4 * 1024 * 1024

T = TypeVar("T")


class Fresh(Generic[T]):
    """The result of a question, asked once at a time and not again while it is fresh."""

    def __init__(self, ask: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._asked: asyncio.Task[T] | None = None
        self._until = 0.0

    async def get(self) -> T:
        """Return a result that is at most `seconds` old; whoever comes meanwhile waits for the same."""
        if self._asked is None or (self._asked.done() and time.monotonic() >= self._until):
            self._asked = asyncio.create_task(self._answer())
        # A reader who goes away must not take the answer away from the others.
        return await asyncio.shield(self._asked)

    async def _answer(self) -> T:
        result = await self._ask()
        self._until = time.monotonic() + self._seconds
        return result


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    answer = b""
    while piece := await reader.read(65536):
        answer += piece
        if len(answer) > _LONGEST_ANSWER:
            raise ValueError("the answer is too long")
    return answer


def _object(body: bytes) -> Answer:
    try:
        told = json.loads(body)
    except ValueError:
        return "the report is no JSON"
    return told if isinstance(told, dict) else "the report is no JSON object"


async def own_report(config: Config) -> Answer:
    """Return this node's report from root's unit, or why there is none."""
    try:
        async with asyncio.timeout(config.limits.report):
            reader, writer = await asyncio.open_unix_connection(config.report_socket)
            try:
                body = await _all_of(reader)
            finally:
                writer.transport.abort()
    except TimeoutError:
        return f"it runs, but had no report in {config.limits.report:g} s"
    except (OSError, ValueError) as error:
        return f"it runs, but its report cannot be had: {error}"
    return _object(body) if body else "it runs, but its report is empty"


async def http_get(config: Config, url: str, credentials: str = "") -> bytes:
    """GET a URL; the body of a 200, else `OSError`, `ValueError` or `TimeoutError` with the reason.

    `credentials` are USER:PASSWORD.

    In HTTP/1.0, whose answers are neither chunked nor kept alive.
    """
    parts, limits = urlsplit(url), config.limits
    context = ssl.create_default_context(cafile=config.ca_file) if parts.scheme == "https" else None
    port = parts.port or (443 if context else 80)
    async with asyncio.timeout(limits.answer):
        try:
            async with asyncio.timeout(limits.connect):
                reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
        except TimeoutError:
            raise TimeoutError(f"no connection in {limits.connect:g} s") from None
        try:
            lines = [f"GET {parts.path} HTTP/1.0", f"Host: {parts.netloc}"]
            if credentials:
                lines.append(
                    f"Authorization: Basic {base64.b64encode(credentials.encode()).decode()}"
                )
            writer.write("\r\n".join([*lines, "", ""]).encode())
            head, _, body = (await _all_of(reader)).partition(b"\r\n\r\n")
        finally:
            writer.transport.abort()
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise ValueError("no HTTP answer")
    if words[1] != b"200":
        raise ValueError(f"HTTP {words[1].decode()}: {body[:200].decode(errors='replace').strip()}")
    return body


def _reason(config: Config, error: Exception) -> str:
    """Return in words why there was no answer."""
    if isinstance(error, TimeoutError):
        return str(error) or f"no answer in {config.limits.answer:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "it refuses the connection: the machine runs, its status daemon does not"
    return str(error) or type(error).__name__


async def ask_node(config: Config, member: Member) -> Answer:
    """Return another node's report, or why there is none."""
    address = f"[{member.address}]" if ":" in member.address else member.address
    try:
        body = await http_get(config, f"http://{address}:{config.port}/report")
    except (OSError, ValueError) as error:
        return _reason(config, error)
    told = _object(body)
    # A node that has no report says why in the same shape as a section of one.
    if isinstance(told, dict) and set(told) == {"error"}:
        return str(told["error"])
    return told


async def ask_alertmanagers(config: Config) -> Alerting:
    """Return what the Alertmanagers say together; one that answers is enough."""
    if not config.alertmanagers:
        return Alerting(configured=False)
    urls = [url.rstrip("/") + "/api/v2/alerts" for url in config.alertmanagers]
    try:
        # At every question: a changed password needs no restart.
        file = config.alertmanager_credentials
        credentials = Path(file).read_text("utf-8").strip() if file else ""
    except OSError as error:
        return Alerting(configured=True, error=f"the password for the Alertmanagers: {error}")
    told = await asyncio.gather(
        *(http_get(config, url, credentials) for url in urls), return_exceptions=True
    )
    lists: list[Sequence[Any]] = []
    errors = []
    for url, answer in zip(config.alertmanagers, told, strict=True):
        try:
            if isinstance(answer, BaseException):
                raise answer
            lists.append(json.loads(answer))
        except (OSError, ValueError) as error:
            errors.append(f"{urlsplit(url).netloc}: {_reason(config, error)}")
    return firing(lists) if lists else Alerting(configured=True, error="; ".join(errors))


async def gather(config: Config, own: Fresh[Answer]) -> Page:
    """Return the page of this moment; takes as long as the slowest, at most `limits.answer`."""

    async def of(member: Member) -> Answer:
        return await (own.get() if member.name == config.node else ask_node(config, member))

    alerting = asyncio.create_task(ask_alertmanagers(config))
    reports = await asyncio.gather(*(of(member) for member in config.nodes))
    names = [member.name for member in config.nodes]
    return page(config, dict(zip(names, reports, strict=True)), await alerting, time.time())
