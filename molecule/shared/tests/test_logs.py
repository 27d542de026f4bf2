"""Central logs, where a site has them: a line is masked, reaches both stores, and is found. No scenario turns them on."""

from __future__ import annotations

import json
import re
import secrets as random
import ssl
import time
from typing import Any

import httpx
import pytest
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab, NodeSpec

UNITS = ("langflow-ha-ship", "langflow-ha-log-store", "langflow-ha-log-gate")


@pytest.fixture(scope="module")
def stores(lab: Lab) -> list[NodeSpec]:
    look = ("test", "-e", f"/etc/systemd/system/{UNITS[-1]}.service")
    found = [node for node in lab.nodes if Engine().execute(node.container, *look)[0] == 0]
    if not found:
        pytest.skip("central_logs is off")
    return found


def _found(operator: httpx.Client, store: NodeSpec, question: str) -> list[dict[str, Any]]:
    url = f"https://{store.address}:9428/select/logsql/query"
    answer = operator.post(url, data={"query": question})
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_line_of_every_node_is_masked_and_found_by_its_trace(
    operator: httpx.Client, lab: Lab, stores: list[NodeSpec]
) -> None:
    trace, secret = random.token_hex(16), random.token_hex(16)
    line = json.dumps({"event": "test", "trace_id": trace, "password": secret})
    for node in lab.nodes:
        Engine().execute(node.container, "logger", "--tag", "test-logs", line)
    wanted = {(node.name, line.replace(secret, "[masked]")) for node in lab.nodes}
    for store in stores:
        end = time.monotonic() + 30
        while True:
            rows = _found(operator, store, f"trace_id:{trace} identifier:=test-logs")
            if len(rows) >= len(wanted) or time.monotonic() > end:
                break
            time.sleep(1)
        assert {(row["node"], row["_msg"]) for row in rows} == wanted, store.name
        assert _found(operator, store, secret) == [], store.name


def test_only_nodes_write_and_only_the_password_reads(lab: Lab, stores: list[NodeSpec]) -> None:
    trust = ssl.create_default_context(cafile=str(lab.ca_file))
    with httpx.Client(verify=trust, timeout=10, trust_env=False) as stranger:
        for store in stores:
            url = f"https://{store.address}:9428"
            body = '{"_msg": "forged", "node": "n1"}'
            assert stranger.post(f"{url}/insert/jsonline", content=body).status_code == 403
            assert stranger.get(f"{url}/select/logsql/query?query=*").status_code == 401
            assert stranger.get(f"{url}/internal/force_merge").status_code == 404


@pytest.mark.parametrize("unit", UNITS)
def test_units_run_and_are_hardened(stores: list[NodeSpec], unit: str) -> None:
    for store in stores:
        assert Engine().execute(store.container, "systemctl", "is-active", unit)[0] == 0
        command = ("systemd-analyze", "security", "--no-pager", f"{unit}.service")
        report = Engine().execute(store.container, *command)[1]
        level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", report)
        assert level is not None, report
        assert float(level.group(1)) <= 2.0, level.group(0)
