"""Whatever becomes of a client, the schedule goes on and the request is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest
from langflow_ha.drill.heavy import HeavyClients
from langflow_ha.drill.http import Api, background_state
from langflow_ha.drill.load import Load
from langflow_ha.drill.model import Answer, Request

Handler = Callable[[httpx.Request], httpx.Response]


def load(handler: Handler) -> Load:
    http = httpx.AsyncClient(base_url="http://vip", transport=httpx.MockTransport(handler))
    return Load("http://vip", None, Api(http))


def sent(action: Callable[[], object], times: int) -> list[Request]:
    """Run one class of clients that does `action` every 10 ms, until it has so many `times`."""

    async def running() -> list[Request]:
        clients = load(lambda _: httpx.Response(200))

        async def act() -> Answer:
            action()
            return Answer(True, 200)

        clients.classes = {"x": (0.01, act)}
        clients.start(["x"])
        # The bound is only there to end a schedule that stands still.
        async with asyncio.timeout(20):
            while len(clients.requests) < times:
                await asyncio.sleep(0.01)
        await clients.stop()
        return clients.requests

    return asyncio.run(running())


@pytest.mark.parametrize(
    "error",
    [OSError(), httpx.PoolTimeout("full"), RuntimeError("closed"), IndexError(), KeyError()],
)
def test_no_failure_stops_the_schedule(error: Exception) -> None:
    def fail() -> None:
        raise error

    requests = sent(fail, 4)
    assert {(r.ok, r.note) for r in requests} == {(False, type(error).__name__)}


def test_a_request_that_never_comes_back_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def running() -> list[Request]:
        clients = load(lambda _: httpx.Response(200))

        async def hang() -> Answer:
            await asyncio.sleep(60)
            return Answer(True, 200)

        clients.classes = {"x": (10.0, hang)}
        clients.start(["x"])
        await asyncio.sleep(0.05)
        wait = asyncio.wait
        monkeypatch.setattr(asyncio, "wait", lambda tasks, timeout: wait(tasks, timeout=0.05))
        await clients.stop()
        return clients.requests

    (request,) = asyncio.run(running())
    assert (request.ok, request.note) == (False, "no answer until the end")


def clients(handler: Handler) -> HeavyClients:
    return load(handler).heavy


@pytest.mark.parametrize(
    ("status", "ok", "note"), [(200, True, ""), (429, True, "limited"), (500, False, "HTTP 500")]
)
def test_the_rate_limiter_is_no_failure(status: int, ok: bool, note: str) -> None:
    answer = asyncio.run(clients(lambda _: httpx.Response(status)).login())
    assert (answer.ok, answer.note) == (ok, note)


@pytest.mark.parametrize(
    ("events", "note"),
    [
        ("add_message end", ""),
        ("add_message", "the stream broke off"),
        ("add_message error", "error in the stream"),
        ("end", "wrong answer"),
    ],
)
def test_a_stream_counts_when_it_was_read_to_its_end(events: str, note: str) -> None:
    def stream(request: httpx.Request) -> httpx.Response:
        text = json.loads(request.content)["input_value"]
        lines = [
            json.dumps({"event": event, "data": text if event == "add_message" else ""})
            for event in events.split()
        ]
        return httpx.Response(200, text="\n\n".join([*lines, ""]))

    answer = asyncio.run(clients(stream).stream())
    assert (answer.ok, answer.note) == (not note, note)


def test_a_background_run_without_an_answer_is_sent_again_under_the_same_key() -> None:
    keys: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"status": "completed"})
        keys.append(json.loads(request.content)["idempotency_key"])
        if len(keys) == 1:
            raise httpx.ReadError("gone")
        return httpx.Response(200, json={"job_id": "7"})

    heavy = clients(handler)
    answer = asyncio.run(heavy.background())
    assert (answer.ok, answer.retries) == (True, 1)
    assert len(keys) == 2 and len(set(keys)) == 1
    assert [(run.job, run.state) for run in heavy.runs] == [("7", "completed")]


def test_a_change_without_an_answer_may_still_take_effect() -> None:
    answers = iter([httpx.Response(200), httpx.Response(503), httpx.Response(404)])

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(201, json={"id": "1"}) if request.method == "POST" else next(answers)

    heavy = clients(handler)

    async def thrice() -> None:
        for _ in range(3):
            await heavy.update()

    asyncio.run(thrice())
    assert [(u.ok, u.end < float("inf")) for u in heavy.updates] == [
        (True, True), (False, False), (False, True),
    ]  # fmt: skip
    assert [write.kind for write in heavy.acknowledged] == ["flow", "update"]


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, {"object": "job", "status": "in_progress"}, "in_progress"),
        (200, {"object": "response", "status": "completed"}, "completed"),
        (500, {"detail": {"code": "JOB_FAILED"}}, "failed"),
        (408, {"detail": {"code": "EXECUTION_TIMEOUT"}}, "timed_out"),
        (404, {"detail": {"code": "JOB_NOT_FOUND"}}, "not found"),
        (500, {"detail": {"code": "INTERNAL_SERVER_ERROR"}}, ""),
        (500, {"detail": "Internal Server Error"}, ""),
        (502, ["no", "object"], ""),
    ],
)
def test_the_state_of_a_background_run(status: int, body: object, state: str) -> None:
    assert background_state(status, body) == state
