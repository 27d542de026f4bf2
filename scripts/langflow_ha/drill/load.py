"""The client load: classes of requests on fixed schedules, through the VIP and nowhere else.

Open loop: each class starts a request every `interval_s` whether or not the earlier ones have
come back, so a stall shows as what it is. Bounded twice: by the time of the drill and by
`OUTSTANDING` requests per class; one that could not be sent counts as failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import ssl
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

import httpx

from langflow_ha.drill import tasks, verify
from langflow_ha.drill.backlog import Backlog, LangflowBacklog
from langflow_ha.drill.heavy import HeavyClients, judged
from langflow_ha.drill.http import FLOW_PREFIX, Api, fetch_fresh
from langflow_ha.drill.model import Acknowledged, Answer, BackgroundRun, Hook, Request
from langflow_ha.status.remote import Remote
from langflow_ha.status.site import Site

OUTSTANDING = 120
UI_PATH = "/health"
"""Answered by LangFlow in 3 ms, without a database: the gap is the balancers' and LangFlow's alone."""
UI_BESIDE_HEAVY_S = 0.2
"""Seconds between requests of `ui` beside the heavy classes. With 50 ms, two cores that carry all three nodes had nothing left
for the start of the LangFlow that was killed, and the drill measured the machine. No gap of `ui` is asked for there."""
HEAVY = frozenset({"update", "large", "stream", "background", "webhook"})
"""Classes of whose requests each runs a flow, or moves a file."""


class Clients(Protocol):
    """A client population. `requests` and `acknowledged` grow while it runs."""

    requests: list[Request]
    acknowledged: list[Acknowledged]

    @property
    def runs(self) -> list[BackgroundRun]:
        """Return the background runs that were accepted."""

    @property
    def hooks(self) -> list[Hook]:
        """Return the webhook calls that were accepted."""

    def backlog(self, site: Site, remote: Remote) -> Backlog:
        """Return what can put runs into one node before it is taken away."""

    def start(self, classes: Collection[str]) -> None:
        """Begin to send; returns at once."""

    async def stop(self) -> float:
        """Stop sending, wait for what is on its way (bounded); return when sending ended."""

    async def missing(self) -> list[Acknowledged]:
        """Return the acknowledged writes that are not there; raises what its way to them raises."""

    async def clean(self, writes: list[Acknowledged]) -> None:
        """Delete what was written."""

    async def settle(self, runs: Sequence[BackgroundRun], seconds: float) -> None:
        """Follow what is still open to its end, at most for that long, and count how often each thing ran."""


class Load:
    """`Clients` of LangFlow."""

    def __init__(self, url: str, context: ssl.SSLContext | None, api: Api) -> None:
        self.url = url
        self.context = context
        self.api = api
        self.requests: list[Request] = []
        self.acknowledged: list[Acknowledged] = []
        self.heavy = HeavyClients(api, self.acknowledged)
        self._tasks: list[asyncio.Task[None]] = []
        self._outstanding: dict[str, set[asyncio.Task[None]]] = {}
        self.classes: dict[str, tuple[float, Callable[[], Awaitable[Answer]]]] = {
            "ui": (0.05, self._ui),
            "api": (0.25, self._api),
            "write": (0.5, self._write),
            "upload": (1.0, self._upload),
            "run": (1.0, self._run),
            "build": (1.0, self._build),
            "update": (1.0, self.heavy.update),
            "large": (1.0, self.heavy.large),
            "stream": (3.0, self.heavy.stream),
            "background": (3.0, self.heavy.background),
            "webhook": (3.0, self.heavy.webhook),
            # LangFlow allows one address five logins a minute, and the session has made one.
            "login": (20.0, self.heavy.login),
        }

    @property
    def runs(self) -> list[BackgroundRun]:
        """See `Clients.runs`."""
        return self.heavy.runs

    @property
    def hooks(self) -> list[Hook]:
        """See `Clients.hooks`."""
        return self.heavy.hooks

    def backlog(self, site: Site, remote: Remote) -> Backlog:
        """See `Clients.backlog`."""
        return LangflowBacklog(site, remote, self.api)

    def start(self, classes: Collection[str]) -> None:
        """See `Clients.start`."""
        for cls in classes:
            interval, action = self.classes[cls]
            if cls == "ui" and HEAVY.intersection(classes):
                interval = UI_BESIDE_HEAVY_S
            self._outstanding[cls] = set()
            self._tasks.append(asyncio.create_task(self._schedule(cls, interval, action)))

    async def stop(self) -> float:
        """See `Clients.stop`."""
        ended = time.time()
        await tasks.end(self._tasks)
        waiting = [task for started in self._outstanding.values() for task in started]
        if waiting:
            await asyncio.wait(waiting, timeout=15)
        for task in waiting:
            task.cancel()
        # Those that are still on their way note themselves as failed.
        await asyncio.gather(*waiting, return_exceptions=True)
        self.heavy.stop()
        return ended

    async def missing(self) -> list[Acknowledged]:
        """See `Clients.missing`."""
        return await verify.missing(self.api, self.acknowledged, self.heavy.updates)

    async def clean(self, writes: list[Acknowledged]) -> None:
        """See `Clients.clean`."""
        await self.api.clean(writes)

    async def settle(self, runs: Sequence[BackgroundRun], seconds: float) -> None:
        """See `Clients.settle`."""
        await verify.settle(self.api, runs, seconds)
        await verify.count_hooks(self.api, self.hooks)

    async def _schedule(
        self, cls: str, interval: float, action: Callable[[], Awaitable[Answer]]
    ) -> None:
        running = self._outstanding[cls]
        due = time.monotonic()
        while True:
            if len(running) < OUTSTANDING:
                task = asyncio.create_task(self._one(cls, action))
                running.add(task)
                task.add_done_callback(running.discard)
            else:
                now = time.time()
                self.requests.append(
                    Request(cls, now, now, False, note="not sent: too many waiting")
                )
            # After a long stall of this very process the missed ticks are dropped, not made up.
            due = max(due + interval, time.monotonic() - interval)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _one(self, cls: str, action: Callable[[], Awaitable[Answer]]) -> None:
        start = time.time()
        answer = Answer(False, 0, "no answer until the end")
        try:
            answer = await action()
        except Exception as error:
            # Whatever kept the client from its answer is a failure, and none may end the schedule.
            answer = Answer(False, getattr(error, "status", 0), type(error).__name__)
        finally:
            self.requests.append(
                Request(
                    cls,
                    start,
                    time.time(),
                    answer.ok,
                    answer.status,
                    answer.note,
                    answer.retries,
                    answer.server,
                )
            )

    async def _ui(self) -> Answer:
        status, server = await fetch_fresh(f"{self.url}{UI_PATH}", self.context)
        return Answer(status == 200, status, "" if status == 200 else f"HTTP {status}", 0, server)

    async def _api(self) -> Answer:
        """List the projects; one more try on a fresh connection when the kept one proved dead.

        That is what every browser does (RFC 9110, 9.2.2: a client may repeat an idempotent request
        when the connection broke before an answer). It never hides an answer of the balancer.
        """
        path, headers = "/api/v1/projects/", self.api.bearer
        try:
            return judged(await self.api.http.get(path, headers=headers))
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return judged(await self.api.http.get(path, headers=headers), retries=1)

    async def _write(self) -> Answer:
        name = f"{FLOW_PREFIX}{uuid.uuid4()}"
        answer = await self.api.post_flow(name)
        if answer.status_code == 201:
            self.acknowledged.append(
                Acknowledged("flow", str(answer.json()["id"]), time.time(), name)
            )
        return judged(answer)

    async def _upload(self) -> Answer:
        content = secrets.token_hex(512).encode()
        answer = await self.api.upload(f"{FLOW_PREFIX}{uuid.uuid4().hex}.txt", content)
        if answer.status_code == 201:
            proof = hashlib.sha256(content).hexdigest()
            self.acknowledged.append(
                Acknowledged("file", str(answer.json()["id"]), time.time(), proof)
            )
        return judged(answer)

    async def _run(self) -> Answer:
        text = f"echo-{uuid.uuid4().hex}"
        answer = await self.api.run_echo(text)
        if answer.status_code == 200 and text not in answer.text:
            return Answer(False, 200, "wrong answer")
        return judged(answer)

    async def _build(self) -> Answer:
        """Start a build as the editor does: it needs the job queue, so Valkey's master."""
        answer = await self.api.http.post(
            f"/api/v1/build/{self.api.echo_id}/flow",
            params={"event_delivery": "polling", "log_builds": "false"},
            headers=self.api.bearer,
            json={"inputs": {"input_value": "echo"}},
        )
        if answer.status_code != 200:
            return judged(answer)
        job = answer.json()["job_id"]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(8):
                while True:
                    events = await self.api.http.get(
                        f"/api/v1/build/{job}/events",
                        params={"event_delivery": "polling"},
                        headers=self.api.bearer,
                    )
                    if events.status_code != 200:
                        return judged(events)
                    if '"end"' in events.text:
                        return judged(events)
                    await asyncio.sleep(0.2)
        return Answer(False, 200, "build did not end")
