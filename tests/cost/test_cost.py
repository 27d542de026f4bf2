"""What daemons cost a node: two looks, made up, and one look at this machine."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

import pytest
from langflow_ha.cost import cli
from langflow_ha.cost.decide import JOBS, Look, costs, kind_of, parsed, watching
from langflow_ha.status.remote import Completed, RemoteError

BEFORE = Look(
    100.0,
    {"prometheus-node-exporter.service": (5.0, 1024), "prometheus.service": (50.0, 99)},
    10.0,
)


def test_the_share_is_that_of_the_time_between() -> None:
    after = Look(
        200.0,
        {
            "prometheus-node-exporter.service": (7.0, 2048.0),
            "prometheus.service": (80.0, 102400.0),
            "postgresql.service": (1000.0, 102400.0),
        },
        10.5,
    )
    found = {cost.unit: cost for cost in costs("n1", BEFORE, after)}
    assert found["prometheus-node-exporter.service"].core == pytest.approx(0.02)
    assert found["prometheus-node-exporter.service"].megabytes == 2
    assert found["prometheus.service"].kind == "stores"
    assert found[JOBS].core == pytest.approx(0.005)
    assert "postgresql.service" not in found
    # Prometheus has a bound of its own.
    assert watching(list(found.values())) == pytest.approx((0.025, 2))


def test_a_unit_that_was_restarted_counts_what_the_new_one_took() -> None:
    after = Look(110.0, {"prometheus-node-exporter.service": (1.0, 1024)}, 10.0)
    (_, exporter) = costs("n1", BEFORE, after)
    assert exporter.core == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("unit", "kind"),
    [
        ("prometheus-postgres-exporter.service", "watching"),
        ("langflow-ha-page.service", "watching"),
        ("langflow-ha-prometheus-long.service", "stores"),
        ("langflow-ha-log-store.service", "stores"),
        ("langflow-ha-agent.service", "failover"),
        ("backend-proxy.service", "failover"),
        ("langflow.service", ""),
        ("etcd.service", ""),
    ],
)
def test_each_unit_is_of_one_kind(unit: str, kind: str) -> None:
    assert kind_of(unit) == kind


def test_a_look_can_be_parsed() -> None:
    before = time.monotonic()
    done = subprocess.run([sys.executable, cli.LOOK], capture_output=True, text=True, check=True)
    assert before <= parsed(done.stdout).at <= time.monotonic()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"at": 1, "units": 3, "ended": 0}', "bash: no"])
def test_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a look|Expecting"):
        parsed(text)


class Nodes:
    """Answers looks in turn."""

    def __init__(self, *answers: Completed) -> None:
        self.answers = list(answers)

    async def run(self, node: Any, script: str, *, timeout: float = 20.0) -> Completed:
        assert "END_OF_LOOK" in script
        return self.answers.pop(0)


def site() -> Any:
    class One:
        nodes = (type("Node", (), {"name": "n1"})(),)

    return One()


def test_a_node_that_does_not_answer_is_named() -> None:
    silent: Any = Nodes(Completed(127, "", "python3: not found"))
    with pytest.raises(RemoteError, match="n1: python3: not found"):
        asyncio.run(cli.measured(site(), silent, 0))


def test_two_looks_become_a_table() -> None:
    looks = [
        json.dumps({"at": at, "units": {"langflow-ha-page.service": [at / 100, 10240]}, "ended": 0})
        for at in (10, 20)
    ]
    nodes: Any = Nodes(*(Completed(0, look, "") for look in looks))
    found = asyncio.run(cli.measured(site(), nodes, 0))
    assert watching(found["n1"]) == pytest.approx((0.01, 10))
    assert cli.table(found, 10).row_count == 2
