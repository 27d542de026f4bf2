"""Which message of Alertmanager leads to a run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langflow_ha.overload.config import Config
from langflow_ha.overload.decide import Outcome, Run, judge

NOW = 1_000_000.0
CONFIG = Config(
    listen_address="127.0.0.1",
    port=0,
    certificate="",
    key="",
    token="t" * 24,
    cooldown_minutes=60,
    spares=("n4", "n5"),
    groups=("cluster", "langflow"),
    inventory_file="",
    command=("true",),
    state_directory="",
)


def alert(status: str = "firing", **labels: str) -> dict[str, Any]:
    named = {"alertname": "LangflowOverloaded", "scale": "out", **labels}
    return {"status": status, "labels": named, "annotations": {}}


def message(*alerts: object) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "receiver": "overload", "alerts": list(alerts)}


def test_the_first_message_adds_the_first_spare() -> None:
    verdict = judge(CONFIG, None, (), message(alert()), NOW)
    assert (verdict.status, verdict.spare) == (202, "n4")
    assert verdict.why == "LangflowOverloaded: adding n4"


@pytest.mark.parametrize(
    "alerts",
    [
        [],
        [alert("resolved")],
        [alert(scale="in")],
        [{"status": "firing", "labels": {"alertname": "LangflowOverloaded"}}],
        [{"status": "firing"}],
        ["firing"],
    ],
)
def test_nothing_comes_of(alerts: list[object]) -> None:
    verdict = judge(CONFIG, None, (), message(*alerts), NOW)
    assert (verdict.status, verdict.spare) == (200, "")


def test_what_fires_beside_what_is_resolved_counts() -> None:
    assert judge(CONFIG, None, (), message(alert("resolved"), alert()), NOW).spare == "n4"


@pytest.mark.parametrize("nonsense", [None, [], "x", {}, {"alerts": {}}, {"alerts": None}])
def test_no_message_of_alertmanager(nonsense: object) -> None:
    verdict = judge(CONFIG, None, (), nonsense, NOW)
    assert (verdict.status, verdict.spare) == (400, "")


@pytest.mark.parametrize(
    ("outcome", "age", "used", "status", "spare"),
    [
        (Outcome.RUNNING, 10, ("n4",), 200, ""),
        (Outcome.RUNNING, 9999, ("n4",), 200, ""),
        (Outcome.DONE, 3599, ("n4",), 200, ""),
        (Outcome.DONE, 3600, ("n4",), 202, "n5"),
        (Outcome.DONE, 3600, ("n4", "n5"), 200, ""),
        (Outcome.DONE, -50, ("n4",), 200, ""),
        (Outcome.FAILED, 3599, ("n4",), 500, ""),
        (Outcome.FAILED, 3600, ("n4",), 202, "n4"),
        (Outcome.FAILED, 3600, ("n4", "n5"), 202, "n4"),
    ],
)
def test_after_a_run(
    outcome: Outcome, age: float, used: tuple[str, ...], status: int, spare: str
) -> None:
    verdict = judge(CONFIG, Run(NOW - age, "n4", outcome), used, message(alert()), NOW)
    assert (verdict.status, verdict.spare) == (status, spare)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["alerts", "status", "labels", "scale"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(junk)
def test_whatever_is_sent_it_is_answered_and_adds_nothing(sent: object) -> None:
    verdict = judge(CONFIG, None, (), sent, NOW)
    assert verdict.status in (200, 400) and not verdict.spare
