"""What watching costs a node at rest: processor time over two minutes, which is once around of all that is asked, and memory."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab, NodeSpec

SECONDS = 120
CORE_SHARE = 0.05
MEGABYTES = 300
BOUNDED = (
    "prometheus-node-exporter.service",
    "prometheus-postgres-exporter.service",
    "prometheus-redis-exporter.service",
    "prometheus-blackbox-exporter.service",
    "prometheus-alertmanager.service",
    "langflow-ha-exporter.service",
    "langflow-ha-page.service",
)
TOLD = ("prometheus.service", "langflow-ha-prometheus-long.service", "langflow-ha-agent.service")
"""Shown and not bounded: Prometheus has a bound of its own, and the agent's work is failover."""
REPORTS = "langflow-ha-report@"
"""Units that end after each report; systemd writes down what they took."""
LOOK = f"""
import json, pathlib, subprocess, sys
CONSUMED = "MESSAGE_ID=ae8f7b866b0347b9af31fe1c80b127c0"
found = {{}}
for unit in sys.argv[2:]:
    show = ["systemctl", "show", "--value", "--property=ControlGroup", unit]
    group = subprocess.run(show, capture_output=True, text=True).stdout.strip()
    if not group:
        continue
    base = pathlib.Path("/sys/fs/cgroup" + group)
    cpu = dict(line.split() for line in (base / "cpu.stat").read_text().splitlines())
    kilobytes = 0
    for process in (base / "cgroup.procs").read_text().split():
        try:
            shares = pathlib.Path("/proc", process, "smaps_rollup").read_text()
        except OSError:  # it has ended
            continue
        for line in shares.splitlines():
            if line.startswith("Pss:"):
                kilobytes += int(line.split()[1])
    found[unit] = [int(cpu["usage_usec"]) / 1e6, kilobytes / 1024]
journal = subprocess.run(["journalctl", "-o", "json", "--since", "@" + sys.argv[1], CONSUMED], capture_output=True, text=True)
ended = [json.loads(line) for line in journal.stdout.splitlines()]
reports = [int(e["CPU_USAGE_NSEC"]) / 1e9 for e in ended if e.get("UNIT", "").startswith("{REPORTS}")]
found["{REPORTS}"] = [sum(reports), 0]
print(json.dumps(found))
"""
Cost = dict[str, tuple[float, float]]
"""Unit → seconds of processor time since it began (of reports: since a moment), megabytes without what is shared."""


def look(node: NodeSpec, since: float) -> Cost:
    asked = ["python3", "-c", LOOK, f"{since:.0f}", *BOUNDED, *TOLD]
    code, output = Engine().execute(node.container, *asked)
    assert code == 0, f"{node.name}: {output}"
    return {unit: (cost[0], cost[1]) for unit, cost in json.loads(output).items()}


def test_watching_costs_a_node_little(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    if not any("monitoring" in node.groups for node in lab.nodes):
        pytest.skip("nobody watches this lab")
    began = time.time()
    with ThreadPoolExecutor() as pool:
        before = dict(zip(lab.nodes, pool.map(lambda n: look(n, began), lab.nodes), strict=True))
        time.sleep(SECONDS)
        after = dict(zip(lab.nodes, pool.map(lambda n: look(n, began), lab.nodes), strict=True))
    took = time.time() - began
    dear = []
    for node in lab.nodes:
        assert {"prometheus-node-exporter.service", "langflow-ha-page.service"} <= set(after[node])
        share, megabytes = 0.0, 0.0
        for unit, (seconds, memory) in sorted(after[node].items()):
            used = (seconds - before[node].get(unit, (0.0, 0.0))[0]) / took
            with capsys.disabled():
                print(f"\n{node.name} {unit:<42} {used:7.2%} of a core {memory:6.1f} MB", end="")
            if unit not in TOLD:
                share, megabytes = share + used, megabytes + memory
        with capsys.disabled():
            print(f"\n{node.name} {'together':<42} {share:7.2%} of a core {megabytes:6.1f} MB")
        if share > CORE_SHARE or megabytes > MEGABYTES:
            dear.append(f"{node.name}: {share:.2%} of a core, {megabytes:.0f} MB")
    assert dear == [], f"at most {CORE_SHARE:.0%} of a core and {MEGABYTES} MB"
