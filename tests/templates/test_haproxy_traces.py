"""Traces at the edge, by a real HAProxy: ids in header, answer and log; who is recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_haproxy import Edge, checked, configuration, edge

FORM = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>0[01])")
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
# Below and above a threshold of three quarters, by the digits that decide.
LOW, HIGH = "4bf92f3577b34da6a3bfffffffffffff", "4bf92f3577b34da6a3c0000000000000"
PERCENT = 25


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with edge(
        tmp_path_factory.mktemp("edge"),
        haproxy_trace_sample_percent=PERCENT,
        haproxy_trace_flows=["wanted", "5f1c", "/api/v2/workflows"],
    ) as running:
        yield running


def sent(running: Edge, path: str = "/x", **headers: str) -> tuple[str, str, str]:
    """Ask once; return what LangFlow got as trace, span and flags, the same in the answer."""
    answer = running.client.get(path, headers=headers)
    got = FORM.fullmatch(answer.json()["traceparent"])
    assert got is not None, answer.json()
    assert answer.headers["x-trace-id"] == got["trace"]
    return got["trace"], got["span"], got["flags"]


def test_without_a_header_each_request_gets_a_trace_of_its_own(traced: Edge) -> None:
    first, second = sent(traced), sent(traced)
    assert first[0] != second[0]
    assert first[1] != second[1]
    for trace, _, flags in (first, second):
        line = traced.line_of(trace)
        assert (line["trace_id"], line["sampled"], line["path"]) == (trace, flags, "/x")


def test_the_share_is_decided_by_the_id(traced: Edge) -> None:
    seen = [sent(traced) for _ in range(300)]
    for trace, _, flags in seen:
        kept = int(trace[18:25], 16) >= 0.75 * 16**7
        assert flags == ("01" if kept else "00"), trace
    # 75 are expected, with a deviation of 7.5.
    assert 35 < sum(flags == "01" for _, _, flags in seen) < 115


@pytest.mark.parametrize("flags", ["00", "01"])
@pytest.mark.parametrize("trace", [TRACE, LOW, HIGH])
def test_a_clients_header_passes(traced: Edge, trace: str, flags: str) -> None:
    header = f"00-{trace}-{SPAN}-{flags}"
    assert sent(traced, traceparent=header) == (trace, SPAN, flags)
    answer = traced.client.get("/x", headers={"traceparent": header, "tracestate": "a=b"})
    assert answer.json()["tracestate"] == "a=b"
    assert traced.line_of(trace)["trace_id"] == trace


@pytest.mark.parametrize(
    "header",
    [
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-x",
        'x"}',
        "",
    ],
)
def test_what_is_none_is_replaced(traced: Edge, header: str) -> None:
    trace, span, _ = sent(traced, traceparent=header)
    assert trace != TRACE
    assert span != SPAN
    answer = traced.client.get("/x", headers={"traceparent": header, "tracestate": "a=b"})
    assert "tracestate" not in answer.json()


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/run/wanted",
        "/api/v1/run/advanced/wanted?stream=true",
        "/api/v1/webhook/5f1c",
        "/api/v1/build/5f1c/flow",
        "/api/v2/workflows",
    ],
)
def test_named_flows_and_paths_are_always_recorded(traced: Edge, path: str) -> None:
    assert {sent(traced, path)[2] for _ in range(12)} == {"01"}
    # The parent did not record, so the balancer is the parent now.
    trace, span, flags = sent(traced, path, traceparent=f"00-{LOW}-{SPAN}-00")
    assert (trace, flags) == (LOW, "01")
    assert span != SPAN
    assert sent(traced, path, traceparent=f"00-{LOW}-{SPAN}-01") == (LOW, SPAN, "01")


@pytest.mark.parametrize("path", ["/api/v1/run/wanted2", "/api/v1/files/5f1c", "/wanted"])
def test_others_are_not(traced: Edge, path: str) -> None:
    assert sent(traced, path, traceparent=f"00-{LOW}-{SPAN}-00") == (LOW, SPAN, "00")
    assert "00" in {sent(traced, path)[2] for _ in range(40)}


@pytest.mark.parametrize(("percent", "flags"), [(0, {"00"}), (100, {"01"})])
def test_none_and_all(tmp_path: Path, percent: int, flags: set[str]) -> None:
    with edge(tmp_path, haproxy_trace_sample_percent=percent) as running:
        assert {sent(running)[2] for _ in range(40)} == flags


def test_haproxy_takes_what_the_role_writes(tmp_path: Path) -> None:
    done = checked(tmp_path, configuration(tmp_path, haproxy_trace_flows=["/only/paths"]))
    assert done.returncode == 0, done.stderr
    broken = configuration(tmp_path).replace("set-header traceparent", "set-headers traceparent")
    assert checked(tmp_path, broken).returncode == 1
