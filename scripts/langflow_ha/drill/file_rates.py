"""Uploads and downloads per second through the VIP, whatever the files are stored in."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx
from rich.table import Table

from langflow_ha.drill.http import Api
from langflow_ha.drill.measure import quantile
from langflow_ha.drill.model import Acknowledged
from langflow_ha.drill.session import logged_in
from langflow_ha.status.site import Site

Operation = Callable[[int], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Rate:
    """One operation: rate (1/s) and latency (ms) of what went well, and how many did not."""

    operation: str
    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


def rate(operation: str, latencies: Sequence[float], failed: int, seconds: float) -> Rate:
    """Return the figures of one operation; latencies are seconds. Pure."""
    return Rate(
        operation,
        len(latencies) / seconds if seconds else 0.0,
        1000 * quantile(latencies, 0.5),
        1000 * quantile(latencies, 0.99),
        failed,
    )


async def _run(name: str, count: int, clients: int, operation: Operation) -> Rate:
    """Do an operation `count` times with `clients` at a time; a lost connection is a failure."""
    numbers = iter(range(count))
    latencies: list[float] = []
    failed = 0

    async def work() -> None:
        nonlocal failed
        for number in numbers:
            start = time.monotonic()
            try:
                ok = await operation(number)
            except httpx.HTTPError:
                ok = False
            if ok:
                latencies.append(time.monotonic() - start)
            else:
                failed += 1

    start = time.monotonic()
    await asyncio.gather(*(work() for _ in range(clients)))
    return rate(name, latencies, failed, time.monotonic() - start)


async def measure(site: Site, count: int, clients: int, size: int) -> list[Rate]:
    """Measure a site; raises SessionError when nobody can log in."""
    return await rates(await logged_in(site), count, clients, size)


async def rates(api: Api, count: int, clients: int, size: int) -> list[Rate]:
    """Upload `count` files of `size` bytes, read each back and compare it, delete them all."""
    stored: list[Acknowledged] = []
    try:
        uploads = await _run("upload", count, clients, _uploader(api, size, stored))
        written = list(stored)

        async def download(number: int) -> bool:
            file = written[number]
            answer = await api.http.get(f"/api/v2/files/{file.id}", headers=api.bearer)
            return hashlib.sha256(answer.content).hexdigest() == file.proof

        downloads = await _run("download", len(written), clients, download)
        return [uploads, downloads]
    finally:
        await api.clean(stored)
        await api.close()


def _uploader(api: Api, size: int, stored: list[Acknowledged]) -> Operation:
    async def upload(_: int) -> bool:
        content = secrets.token_bytes(size)
        answer = await api.upload(f"drill-rate-{uuid.uuid4().hex}.bin", content)
        if answer.status_code != 201:
            return False
        proof = hashlib.sha256(content).hexdigest()
        stored.append(Acknowledged("file", str(answer.json()["id"]), time.time(), proof))
        return True

    return upload


def table(results: Sequence[Rate], size: int, clients: int) -> Table:
    """Return the table for the terminal."""
    title = f"Files of {size} bytes through the VIP, {clients} at a time"
    shown = Table(title=title, title_justify="left", pad_edge=False)
    shown.add_column("operation")
    for name in ("per second", "p50 ms", "p99 ms", "failed"):
        shown.add_column(name, justify="right")
    for r in results:
        shown.add_row(
            r.operation, f"{r.per_second:.1f}", f"{r.p50_ms:.0f}", f"{r.p99_ms:.0f}", str(r.failed)
        )
    return shown
