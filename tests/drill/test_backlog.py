"""Slow runs in a LangFlow that goes: how they get there, and how the judge sees what became of them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from langflow_ha.drill import backlog as module
from langflow_ha.drill.backlog import (
    AT_ONCE,
    BEHIND,
    SLOW_S,
    BacklogError,
    LangflowBacklog,
    slow_flow,
)
from langflow_ha.drill.catalogue import CATALOGUE
from langflow_ha.drill.http import Api
from langflow_ha.drill.judge import Evidence, judge
from langflow_ha.drill.model import BackgroundRun, Outcome, Reader, Sample
from langflow_ha.status.remote import Completed
from langflow_ha.status.site import Node, Site

GROUPS = frozenset({"cluster", "langflow"})
DRILL = next(drill for drill in CATALOGUE if drill.id == "runs-kill")
FAULT = 100.0


def test_the_slow_flow_is_the_echo_flow_that_waits() -> None:
    (node,) = [n for n in slow_flow()["data"]["nodes"] if n["data"]["type"] == "ChatInput"]
    code = node["data"]["node"]["template"]["code"]["value"]
    compile(code, "slow", "exec")
    assert code.index("send_message") < code.index(f"await asyncio.sleep({SLOW_S})")


class Cluster:
    """LangFlows that execute `AT_ONCE` runs each, and the nodes' shells."""

    def __init__(self) -> None:
        self.queues: dict[str, list[str]] = {"n1": [], "n2": [], "n3": []}
        self.gone = ""
        self.closed = False
        self.forgetful = False
        self.refusals = 0
        """How many submissions find no database."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and request.url.path == "/api/v2/workflows":
            return self._state(request.url.params["job_id"])
        if request.method == "POST" and request.url.path == "/api/v2/workflows":
            if self.refusals > 0:
                self.refusals -= 1
                return httpx.Response(503, json={"detail": "no primary"})
            key = json.loads(request.content)["idempotency_key"]
            known = not self.forgetful and not self.closed
            return httpx.Response(200, json={"job_id": f"job-{key}" if known else f"new-{key}"})
        return httpx.Response(201, json={"id": "flow"})

    def _state(self, job: str) -> httpx.Response:
        for name, jobs in self.queues.items():
            if job in jobs:
                waits = jobs.index(job) >= AT_ONCE
                if name == self.gone and self.closed:
                    if waits:
                        return httpx.Response(200, json={"status": "cancelled"})
                    return httpx.Response(500, json={"detail": {"code": "JOB_FAILED"}})
                return httpx.Response(200, json={"status": "queued" if waits else "in_progress"})
        return httpx.Response(404, json={"detail": {"code": "JOB_NOT_FOUND"}})

    async def run(self, node: Node, script: str, *, timeout: float = 20.0) -> Completed:
        return Completed(0, "", "")

    async def stream(self, node: Node, command: str, stdin: str) -> AsyncIterator[str]:
        found = re.search(r"^main\((.*)\)$", stdin, re.M)
        assert found
        options: dict[str, Any] = json.loads(eval(found[1]))
        assert options["key"] == "sk" and "sk" not in command
        if options["do"] == "submit":
            for token in options["tokens"]:
                self.queues[node.name].append(f"job-{token}")
                yield json.dumps({"token": token, "job": f"job-{token}"})
            return
        for job in options["jobs"]:
            yield json.dumps({"job": job, "attached": 1.0})
        while not self.closed:
            await asyncio.sleep(0.01)
        for job in options["jobs"]:
            yield json.dumps({"job": job, "ended": 2.0, "error": "", "last": "x"})

    async def power_off(self, node: Node) -> float:
        return 0.0

    async def power_on(self, node: Node) -> None: ...


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.01)
    monkeypatch.setattr(module, "BEGIN_S", 0.2)
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)


def start(tmp_path: Path, cluster: Cluster, nodes: int = 3) -> LangflowBacklog:
    names = [f"n{i + 1}" for i in range(nodes)]
    api = Api(httpx.AsyncClient(transport=httpx.MockTransport(cluster.answer), base_url="http://x"))
    api.key, api.token = "sk", "t"
    found = tuple(Node(n, n, n, GROUPS, ("ssh", n), sudo=False) for n in names)
    site = Site(
        "test", tmp_path, found, "127.0.0.1", "", "http://x", None, "admin", {"password": "p"},
        production=False, mode="active_active", lab=tmp_path,
    )  # fmt: skip
    return LangflowBacklog(site, cluster, api)


async def filled(tmp_path: Path, cluster: Cluster, nodes: int = 3) -> LangflowBacklog:
    backlog = start(tmp_path, cluster, nodes)

    async def names() -> dict[str, str]:
        return {}

    backlog.api.flow_names = names  # type: ignore[method-assign]
    await backlog.fill("n1")
    return backlog


def test_from_the_submission_to_the_second_run(tmp_path: Path) -> None:
    async def story() -> LangflowBacklog:
        cluster = Cluster()
        backlog = await filled(tmp_path, cluster)
        assert {name: len(jobs) for name, jobs in cluster.queues.items()} == {
            "n1": AT_ONCE + BEHIND,
            "n2": AT_ONCE + BEHIND,
            "n3": 0,
        }
        assert not backlog.settled
        await backlog.retry()
        cluster.gone, cluster.closed = "n1", True
        while not backlog.settled or not all(reader.ended for reader in backlog.readers):
            await asyncio.sleep(0.01)
        await backlog.start_over()
        await backlog.stop()
        return backlog

    backlog = asyncio.run(story())
    assert [run.retried == run.job for run in backlog.mine] == [True] * (AT_ONCE + BEHIND)
    assert sum(run.waiting for run in backlog.mine) == BEHIND
    assert [reader.node for reader in backlog.readers] == ["n2", "n2"]
    anew = [run for run in backlog.runs if not run.node]
    assert [run.token for run in anew] == [run.token for run in backlog.mine if run.waiting]


def test_without_another_langflow_there_is_no_reader(tmp_path: Path) -> None:
    with pytest.raises(BacklogError, match="no other LangFlow"):
        asyncio.run(filled(tmp_path, Cluster(), nodes=1))


def test_runs_that_do_not_begin_are_a_reason_to_skip(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster._state = lambda job: httpx.Response(200, json={"status": "queued"})  # type: ignore[method-assign]
    with pytest.raises(BacklogError, match="did not begin"):
        asyncio.run(filled(tmp_path, cluster))


def runs() -> list[BackgroundRun]:
    """What a good repetition leaves: n1 is the target, n2 went on."""

    def run(number: int, state: str, at: float, **more: Any) -> BackgroundRun:
        job = f"job-{number}"
        more.setdefault("retried", job if more.get("node") == "n1" else None)
        return BackgroundRun(
            job, more.pop("token", f"t{number}"), 95.0, state, at, state, 1, **more
        )

    return [
        run(1, "failed", FAULT + 16.0, node="n1"),
        run(2, "cancelled", FAULT + 12.0, node="n1", waiting=True),
        run(3, "completed", FAULT + 40.0, node="n2"),
        run(4, "completed", FAULT + 60.0, node="n2", waiting=True),
        run(5, "completed", FAULT + 50.0, token="t2"),
    ]


def evidence(**changes: Any) -> Evidence:
    samples = [
        Sample(n, 90 + i * 0.05, "vip", n == "n2") for i in range(1600) for n in ("n1", "n2", "n3")
    ]
    base = Evidence(
        drill=DRILL,
        site="test",
        repetition=1,
        started=89.0,
        targets=("n1",),
        nodes=frozenset({"n1", "n2", "n3"}),
        without_power=frozenset(),
        fault_at=FAULT,
        undo_at=FAULT + 20,
        load_end=FAULT + 60,
        steady_s=15.0,
        samples=samples,
        runs=runs(),
        readers=[Reader("job-1", "n2", 96.0, FAULT + 16.2), Reader("job-2", "n2", 96.0, 112.5)],
    )
    return replace(base, **changes)


def changed(index: int, **changes: Any) -> list[BackgroundRun]:
    found = runs()
    found[index] = replace(found[index], **changes)
    return found


def test_a_good_run_passes_with_the_time_of_its_last_run() -> None:
    record = judge(evidence())
    assert (record.outcome, record.reason) == (Outcome.PASSED, "")
    assert record.measured == 16.0 and record.budget_kind == "settled"


@pytest.mark.parametrize(("refusals", "found"), [(5 * (AT_ONCE + BEHIND), True), (10**6, False)])
def test_a_retry_goes_on_while_the_database_has_no_primary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int, found: bool
) -> None:
    # Only one that finds nobody is to run out of it, however slow the machine is.
    monkeypatch.setattr(module, "PATIENCE_S", 60.0 if found else 0.5)

    async def story() -> LangflowBacklog:
        cluster = Cluster()
        backlog = await filled(tmp_path, cluster)
        cluster.refusals = refusals
        await backlog.retry()
        await backlog.stop()
        return backlog

    backlog = asyncio.run(story())
    assert [run.retried == run.job for run in backlog.mine] == [found] * (AT_ONCE + BEHIND)


def test_a_retry_after_the_closing_is_a_new_run() -> None:
    assert judge(evidence(runs=changed(1, retried="job-5"))).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"runs": changed(1, retried="")}, "a retry found the same run: 1 of 2"),
        ({"runs": changed(1, settled=FAULT + 21)}, "over budget: measured 21.00"),
        ({"runs": changed(1, settled=None, state="queued", later="queued")}, "measured inf"),
        ({"runs": changed(3, state="cancelled", later="cancelled")}, "was left alone: 1 of 2"),
        ({"runs": changed(0, retried="job-9")}, "a retry found the same run: 1 of 2"),
        ({"runs": changed(0, retried="")}, "a retry found the same run: 1 of 2"),
        ({"runs": runs()[:4]}, "ran once when it was submitted again: 1 of 1"),
        ({"runs": changed(1, executions=2)}, "ran once when it was submitted again: 1 of 1"),
        ({"runs": changed(1, waiting=False)}, "in its queue: 2 and 0"),
        ({"readers": [Reader("job-1", "n2", 96.0, None)]}, "elsewhere saw the end: 1 of 1"),
        ({"readers": [Reader("job-1", "n2", 96.0, FAULT + 25)]}, "saw the end: 1 of 1"),
        ({"readers": [Reader("job-1", "n2")]}, "elsewhere saw the end: 1 of 1"),
        ({"readers": []}, "elsewhere saw the end"),
    ],
)
def test_what_fails_a_run(changes: dict[str, Any], reason: str) -> None:
    record = judge(evidence(**changes))
    assert record.outcome is Outcome.FAILED and reason in record.reason
