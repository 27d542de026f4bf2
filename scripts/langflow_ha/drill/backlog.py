"""Slow background runs in one LangFlow's executor and in its queue behind that, before it is taken away.

The target gets more than it executes at once, and so does another LangFlow, whose queue must come through untouched.
Event readers sit at that other one. Then the client does what a careful client does: at once after the fault it
submits every run again under the same idempotency key, which must find the same run; and whatever was
closed without having begun it submits once more, which must run once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

import httpx

from langflow_ha.drill import flows, tasks
from langflow_ha.drill.heavy import follow
from langflow_ha.drill.http import FLOW_PREFIX, Api, ApiError
from langflow_ha.drill.model import DEFINITE, BackgroundRun, Reader
from langflow_ha.status.remote import Remote, RemoteError
from langflow_ha.status.site import Node, Site

PORT = 7860
AT_ONCE = 5
"""What a LangFlow executes at once (LANGFLOW_BACKGROUND_MAX_CONCURRENCY)."""
BEHIND = 2
"""How many wait behind these."""
SLOW_S = 40
"""How long one run takes: longer than the budget, so that a living LangFlow's queue is as long at its end."""
BEGIN_S = 60.0
"""How long the first ones may take to begin."""
POLL_S = 1.0
PATIENCE_S = 30.0
"""How long the client submits a run again while nobody takes it: a database takes some seconds to find a primary."""
READ_S = 100.0
"""An event stream that is silent for so long hangs (LangFlow sends a sign of life every 15 s)."""


class BacklogError(Exception):
    """The runs could not be brought into place; the text says why."""


def slow_flow() -> dict[str, Any]:
    """Return the echo flow whose input, once it has stored its message, waits for `SLOW_S` seconds."""
    document = flows.echo()
    last = "        self.status = message\n        return message"
    (node,) = [n for n in document["data"]["nodes"] if n["data"]["type"] == "ChatInput"]
    code = node["data"]["node"]["template"]["code"]
    before, found, after = code["value"].rpartition(last)
    if not found:
        raise BacklogError("the echo flow's input has other code than this drill knows")
    wait = f"        import asyncio\n        await asyncio.sleep({SLOW_S})\n"
    code["value"] = f"{before}{wait}{last}{after}"
    return document


class Backlog:
    """What a cluster without LangFlow can put into one: nothing. `runs` and `readers` are what the judge sees."""

    def __init__(self) -> None:
        self.runs: list[BackgroundRun] = []
        self.mine: list[BackgroundRun] = []
        """Those that the target has."""
        self.readers: list[Reader] = []

    async def fill(self, target: str) -> None:
        """Submit the runs, wait until the first ones have begun, and attach the readers.

        Raises BacklogError.
        """
        raise BacklogError("this cluster has no LangFlow")

    @property
    def settled(self) -> bool:
        """Whether every run of the target has a definite state; true where none was wanted."""
        return all(run.state in DEFINITE for run in self.mine)

    async def retry(self) -> None:
        """Submit the target's runs once more under the same keys, right after the fault."""

    async def start_over(self) -> None:
        """Submit anew what was closed before it had begun: the client has learnt that it may."""

    async def stop(self) -> None:
        """Follow and read no longer; `verify.settle` takes over."""


class LangflowBacklog(Backlog):
    """The runs of one repetition."""

    def __init__(self, site: Site, remote: Remote, api: Api) -> None:
        super().__init__()
        self.site = site
        self.remote = remote
        self.api = api
        self._flow = ""
        self._tasks: list[asyncio.Task[None]] = []

    async def fill(self, target: str) -> None:
        """See `Backlog.fill`."""
        nodes = [node for node in self.site.nodes if "langflow" in node.groups]
        other = next((node for node in nodes if node.name != target), None)
        if other is None:
            raise BacklogError("there is no other LangFlow than the target's")
        try:
            self._flow = await self.api.import_flow(
                f"{FLOW_PREFIX}slow-{SLOW_S}", replace=True, document=slow_flow()
            )
            places = (self.site.node(target), other)
            await asyncio.gather(*(self._submit(node) for node in places))
            await self._begun()
        except (ApiError, httpx.HTTPError, RemoteError, ValueError) as error:
            raise BacklogError(f"{error}" or type(error).__name__) from error
        self.mine = [run for run in self.runs if run.node == target]
        self._tasks = [asyncio.create_task(follow(self.api, run, POLL_S)) for run in self.mine]
        self._tasks.append(asyncio.create_task(self._read(other)))
        await asyncio.sleep(1)

    async def _submit(self, node: Node) -> None:
        tokens = [f"{FLOW_PREFIX}slow-{uuid.uuid4().hex}" for _ in range(AT_ONCE + BEHIND)]
        async for answer in self._on(node, do="submit", flow=self._flow, tokens=tokens):
            run = BackgroundRun(answer["job"], answer["token"], time.time(), node=node.name)
            self.runs.append(run)
        accepted = sum(run.node == node.name for run in self.runs)
        if accepted < len(tokens):
            raise BacklogError(f"LangFlow on {node.name} took {accepted} of {len(tokens)} runs")

    async def _on(self, node: Node, **options: Any) -> AsyncIterator[dict[str, Any]]:
        """Yield what `node_runs.py` says on a node; the key travels on standard input."""
        url = f"http://{node.cluster_address}:{PORT}"
        source = files("langflow_ha.drill").joinpath("node_runs.py").read_text("utf-8")
        text = json.dumps({"url": url, "key": self.api.key, **options})
        program = f"{source}\nmain({text!r})\n"
        async for line in self.remote.stream(node, "python3 -u -", program):
            with contextlib.suppress(ValueError):
                yield json.loads(line)

    async def _begun(self) -> None:
        """Wait until each place executes what it can, and note which runs wait behind."""
        places = {run.node for run in self.runs}
        limit = time.monotonic() + BEGIN_S
        while time.monotonic() < limit:
            states = await asyncio.gather(*(self.api.background_state(r.job) for r in self.runs))
            for run, state in zip(self.runs, states, strict=True):
                run.waiting = state == "queued"
            working = [
                run.node
                for run, state in zip(self.runs, states, strict=True)
                if state == "in_progress"
            ]
            if all(working.count(place) == AT_ONCE for place in places):
                return
            await asyncio.sleep(POLL_S)
        raise BacklogError(f"the slow runs did not begin within {BEGIN_S:g} s")

    async def _read(self, node: Node) -> None:
        """Read one run under execution and one in the queue, at another LangFlow than theirs."""
        chosen = [next(run for run in self.mine if run.waiting is waits) for waits in (False, True)]
        self.readers = [Reader(run.job, node.name) for run in chosen]
        jobs = [reader.job for reader in self.readers]
        with contextlib.suppress(RemoteError, OSError):
            async for answer in self._on(node, do="read", jobs=jobs, seconds=READ_S):
                (reader,) = [reader for reader in self.readers if reader.job == answer["job"]]
                reader.attached = reader.attached or answer.get("attached")
                reader.ended = answer.get("ended")
                reader.error, reader.last = answer.get("error", ""), answer.get("last", "")

    async def retry(self) -> None:
        """See `Backlog.retry`."""
        jobs = await asyncio.gather(*(self._again(run) for run in self.mine))
        for run, job in zip(self.mine, jobs, strict=True):
            run.retried = job

    async def _again(self, run: BackgroundRun) -> str:
        """Submit a run once more under its key until somebody takes it; return the job's id, "" when nobody did."""
        limit = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit:
            with contextlib.suppress(httpx.HTTPError, OSError, ValueError, KeyError):
                answer = await self.api.submit_background(run.token, self._flow)
                return str(answer.json()["job_id"])
            await asyncio.sleep(POLL_S)
        return ""

    async def start_over(self) -> None:
        """Submit anew what was closed before it had begun: the client has learnt that it may.

        Where the closing was faster than the retry, that one was the new submission already.
        """
        for run in self.mine:
            if run.waiting and run.state == "cancelled":
                same = run.retried in (run.job, "", None)
                job = await self._again(run) if same else str(run.retried)
                if job:
                    self.runs.append(BackgroundRun(job, run.token, time.time()))

    async def stop(self) -> None:
        """See `Backlog.stop`."""
        await tasks.end(self._tasks)
