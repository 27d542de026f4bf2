"""Traces, where a site has them: the run of a flow is found by its id in every store, and in the logs."""

from __future__ import annotations

import asyncio
import json
import secrets as random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from langflow_ha.drill.session import logged_in
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab, NodeSpec
from langflow_ha.status.site import load_site

DELIVERED_S = 30.0
PARENT = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def stores(lab: Lab) -> list[NodeSpec]:
    look = ("test", "-x", "/usr/local/sbin/langflow-ha-trace")
    found = [node for node in lab.nodes if Engine().execute(node.container, *look)[0] == 0]
    if not found:
        pytest.skip("traces_enabled is off")
    return found


def _spans(store: NodeSpec, trace: str) -> list[dict[str, Any]]:
    _, text = Engine().execute(store.container, "langflow-ha-trace", "--json", trace)
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def _until(there: Callable[[], object], what: str) -> None:
    end = time.monotonic() + DELIVERED_S
    while not there():
        assert time.monotonic() < end, what
        time.sleep(1)


async def _run_echo(lab: Lab, flag: str) -> tuple[str, httpx.Response]:
    """Run the echo flow once, with a trace id of its own; return the id and the answer."""
    api = await logged_in(load_site(lab=lab.name))
    try:
        trace = random.token_hex(16)
        api.http.headers["traceparent"] = f"00-{trace}-{PARENT}-{flag}"
        return trace, await api.run_echo("traced")
    finally:
        await api.close()


def test_a_recorded_run_is_in_every_store_under_the_callers_span(
    lab: Lab, stores: list[NodeSpec]
) -> None:
    trace, answer = asyncio.run(_run_echo(lab, "01"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-trace-id"] == trace
    for store in stores:

        def run_is_there(store: NodeSpec = store) -> bool:
            runs = [s for s in _spans(store, trace) if s["name"].startswith("POST /api/v1/run/")]
            return any(span.get("parentSpanId") == PARENT for span in runs)

        _until(run_is_there, store.name)
        # What the flow did, not its request alone.
        assert any(span["name"] == "flow.execute" for span in _spans(store, trace)), store.name


def test_what_nobody_asked_to_record_is_not_kept(lab: Lab, stores: list[NodeSpec]) -> None:
    trace, answer = asyncio.run(_run_echo(lab, "00"))
    assert answer.headers["x-trace-id"] == trace
    recorded, _ = asyncio.run(_run_echo(lab, "01"))
    for store in stores:
        # The later one has come, so the earlier would have.
        _until(partial(_spans, store, recorded), store.name)
        assert _spans(store, trace) == []


def test_probes_leave_no_traces(stores: list[NodeSpec]) -> None:
    for store in stores:
        _, text = Engine().execute(store.container, "langflow-ha-trace", "--count", "1000")
        assert " GET /health" not in text, store.name


def test_a_run_is_in_the_central_logs_of_balancer_and_langflow(
    lab: Lab, operator: httpx.Client, stores: list[NodeSpec]
) -> None:
    gate = ("test", "-e", "/etc/systemd/system/langflow-ha-log-gate.service")
    if Engine().execute(stores[0].container, *gate)[0] != 0:
        pytest.skip("central_logs is off")
    trace, _ = asyncio.run(_run_echo(lab, "00"))
    url = f"https://{stores[0].address}:9428/select/logsql/query"

    def both_are_there() -> bool:
        text = operator.post(url, data={"query": f"trace_id:{trace}"}).text
        units = {json.loads(line).get("unit") for line in text.splitlines()}
        return {"haproxy.service", "langflow.service"} <= units

    _until(both_are_there, "lines of HAProxy and LangFlow")
