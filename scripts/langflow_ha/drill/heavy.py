"""The clients whose work leaves something to follow: logins, changes, streams and background runs.

Their actions are scheduled by `load.py`. What they leave behind (`updates`, `runs`, `hooks`) is verified
after the drill by `verify.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
import time
import uuid
from math import inf

import httpx

from langflow_ha.drill.http import FLOW_PREFIX, Api
from langflow_ha.drill.model import DEFINITE, Acknowledged, Answer, BackgroundRun, Hook, Update

STREAM_S = 15.0
PATIENCE_S = 8.0
"""How long a client watches its background run before it calls that a failure."""
POLL_S = 0.5
LARGE_PREFIX = f"{FLOW_PREFIX}large-"
LARGE_BYTES = 1024 * 1024
"""More than the store keeps inside an object's description (MinIO: 128 KiB, 16 KiB with versions)."""


def judged(answer: httpx.Response, retries: int = 0) -> Answer:
    """Make an `Answer` of a response: 2xx is a success."""
    ok = 200 <= answer.status_code < 300
    return Answer(
        ok,
        answer.status_code,
        "" if ok else f"HTTP {answer.status_code}",
        retries,
        answer.headers.get("x-served-by", ""),
    )


class HeavyClients:
    """The actions, and what they leave: `updates`, `runs`, `hooks`; acknowledged writes go to the load's list."""

    def __init__(self, api: Api, acknowledged: list[Acknowledged]) -> None:
        self.api = api
        self.acknowledged = acknowledged
        self.updates: list[Update] = []
        self.runs: list[BackgroundRun] = []
        self.hooks: list[Hook] = []
        self._flow = ""
        self._large: Acknowledged | None = None
        self._creating = asyncio.Lock()
        self._followers: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Follow no run any longer; `verify.settle` takes over."""
        for follower in self._followers:
            follower.cancel()

    async def login(self) -> Answer:
        """Log in anew. 429 is an answer that only a working rate limiter gives, so it is none of the failures."""
        answer = await self.api.log_in_again()
        if answer.status_code == 429:
            return Answer(True, 429, "limited", 0, answer.headers.get("x-served-by", ""))
        return judged(answer)

    async def update(self) -> Answer:
        """Change the description of a flow of this load to something that was never there before."""
        async with self._creating:
            if not self._flow:
                name = f"{FLOW_PREFIX}{uuid.uuid4()}"
                created = await self.api.post_flow(name)
                if created.status_code != 201:
                    return judged(created)
                self._flow = str(created.json()["id"])
                self.acknowledged.append(Acknowledged("flow", self._flow, time.time(), name))
        revision, start, end = uuid.uuid4().hex, time.time(), inf
        ok = False
        try:
            answer = await self.api.describe(self._flow, revision)
            ok = answer.status_code == 200
            if ok or answer.status_code < 500:
                end = time.time()
        finally:
            self.updates.append(Update(self._flow, revision, start, end, ok))
        if ok:
            self.acknowledged.append(Acknowledged("update", self._flow, end, revision))
        return judged(answer)

    async def large(self) -> Answer:
        """Upload one file that the store keeps in parts, and read it back at every turn after that."""
        async with self._creating:
            if not self._large:
                content = secrets.token_hex(LARGE_BYTES // 2).encode()
                created = await self.api.upload(f"{LARGE_PREFIX}{uuid.uuid4().hex}.txt", content)
                if created.status_code == 201:
                    proof = hashlib.sha256(content).hexdigest()
                    id_ = str(created.json()["id"])
                    self._large = Acknowledged("file", id_, time.time(), proof)
                    self.acknowledged.append(self._large)
                return judged(created)
        answer = await self.api.http.get(f"/api/v2/files/{self._large.id}", headers=self.api.bearer)
        if answer.status_code == 200 and (
            hashlib.sha256(answer.content).hexdigest() != self._large.proof
        ):
            return Answer(False, 200, "wrong bytes")
        return judged(answer)

    async def stream(self) -> Answer:
        """Run the echo flow as a stream and read it to its last event."""
        token = f"stream-{uuid.uuid4().hex}"
        heard = False
        async with asyncio.timeout(STREAM_S), self.api.stream_echo(token) as answer:
            if answer.status_code != 200:
                return judged(answer)
            async for line in answer.aiter_lines():
                heard = heard or token in line
                event = json.loads(line)["event"] if line.strip() else ""
                if event == "error":
                    return Answer(False, 200, "error in the stream")
                if event == "end":
                    return judged(answer) if heard else Answer(False, 200, "wrong answer")
        return Answer(False, 200, "the stream broke off")

    async def webhook(self) -> Answer:
        """Trigger a flow as another system does: accepted is all that it learns."""
        token = f"hook-{uuid.uuid4().hex}"
        answer = await self.api.post_webhook(token)
        if 200 <= answer.status_code < 300:
            self.hooks.append(Hook(token))
        return judged(answer)

    async def background(self) -> Answer:
        """Submit a background run and watch it end.

        Without an answer it is submitted once more under the same idempotency key, as a careful
        client does: that must not run it twice.
        """
        token = f"{FLOW_PREFIX}run-{uuid.uuid4().hex}"
        retries = 0
        try:
            answer = await self.api.submit_background(token)
        except httpx.TransportError:
            retries = 1
            answer = await self.api.submit_background(token)
        if not 200 <= answer.status_code < 300:
            return judged(answer, retries)
        run = BackgroundRun(str(answer.json()["job_id"]), token, time.time())
        self.runs.append(run)
        follower = asyncio.create_task(follow(self.api, run))
        self._followers.add(follower)
        follower.add_done_callback(self._followers.discard)
        await asyncio.wait([follower], timeout=PATIENCE_S)
        if run.state not in DEFINITE:
            return Answer(False, 200, "background run did not end", retries)
        if run.state != "completed":
            return Answer(False, 200, f"background run {run.state}", retries)
        return judged(answer, retries)


async def follow(api: Api, run: BackgroundRun, every_s: float = POLL_S) -> None:
    """Ask for a run's state until it is definite, and note when that was seen."""
    while run.state not in DEFINITE:
        with contextlib.suppress(httpx.HTTPError, OSError, ValueError):
            run.state = await api.background_state(run.job)
        if run.state in DEFINITE:
            run.settled = time.time()
        else:
            await asyncio.sleep(every_s)
