"""Who watches: everything is scraped by both, what fires reaches both, and nobody reads a password."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import yaml
from langflow_ha import ROOT
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab, NodeSpec

JOBS = {
    "cluster": ("node", "agent", "probe_certificates"),
    "balancer": ("haproxy",),
    "langflow": ("backend_proxy", "langflow", "runs"),
    "etcd": ("etcd", "failover"),
    "postgresql": ("patroni", "postgresql"),
    "valkey": ("valkey",),
    "minio": ("minio",),
    "monitoring": ("prometheus", "alertmanager"),
}
"""What is asked on every node of a group."""
SOME = {"status": "balancer", "langflow_exporter": "langflow"}
"""What is asked on the first two nodes of a group."""
MADE_UP = "/var/lib/prometheus/node-exporter/test.prom"


def _on(node: NodeSpec, command: str) -> str:
    code, output = Engine().execute(node.container, "sh", "-c", command)
    assert code == 0, f"{node.name}: {command}: {output}"
    return output


def _eventually(seconds: float, look: Callable[..., bool], *arguments: object) -> bool:
    """Tell whether it comes true in time."""
    end = time.monotonic() + seconds
    while not (found := look(*arguments)) and time.monotonic() < end:
        time.sleep(1)
    return found


@pytest.fixture(scope="module")
def watching(lab: Lab) -> list[NodeSpec]:
    found = [node for node in lab.nodes if "monitoring" in node.groups]
    if not found:
        pytest.skip("nobody watches this lab")
    return found


def _ask(operator: httpx.Client, node: NodeSpec, expression: str) -> list[dict[str, Any]]:
    url = f"https://{node.address}:9090/api/v1/query"
    answer = operator.get(url, params={"query": expression})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def _alerts(operator: httpx.Client, node: NodeSpec) -> set[tuple[str, str]]:
    told = operator.get(f"https://{node.address}:9093/api/v2/alerts").json()
    return {(alert["labels"]["alertname"], alert["labels"].get("node", "")) for alert in told}


def test_both_scrape_everything_and_everything_answers(
    operator: httpx.Client, lab: Lab, watching: list[NodeSpec]
) -> None:
    wanted = {
        (job, node.name)
        for group, jobs in JOBS.items()
        for job in jobs
        for node in lab.nodes
        if group == "cluster" or group in node.groups
    }
    for job, group in SOME.items():
        members = [node for node in lab.nodes if group in node.groups]
        wanted |= {(job, node.name) for node in members[:2]}

    def missing(node: NodeSpec) -> set[tuple[str, str]]:
        up = _ask(operator, node, "up == 1")
        return wanted - {(row["metric"]["job"], row["metric"].get("node", "")) for row in up}

    for node in watching:
        # The rarest is asked every five minutes.
        _eventually(330, lambda one: not missing(one), node)
        assert missing(node) == set(), node.name
        probes = _ask(operator, node, "probe_success")
        assert probes
        assert {row["value"][1] for row in probes} == {"1"}, probes


def test_every_rule_can_be_evaluated(operator: httpx.Client, watching: list[NodeSpec]) -> None:
    for node in watching:
        groups = operator.get(f"https://{node.address}:9090/api/v1/rules").json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert len(rules) > 40
        assert [r["name"] for r in rules if r["health"] == "err"] == []


def test_nothing_that_users_feel_fires_in_a_cluster_that_is_well(
    operator: httpx.Client, watching: list[NodeSpec]
) -> None:
    felt = 'ALERTS{alertstate="firing",severity="critical",level="seconds"}'
    for node in watching:
        _eventually(60, lambda one: not _ask(operator, one, felt), node)
        assert _ask(operator, node, felt) == []


def test_what_fires_reaches_every_alertmanager_and_the_status_page(
    operator: httpx.Client, lab: Lab, watching: list[NodeSpec], secrets: dict[str, str]
) -> None:
    last = lab.nodes[-1]
    fires = ("LangflowRestartedTooOften", last.name)
    _on(last, f"echo 'langflow_ha_healing_exhausted 1' >{MADE_UP}")
    try:
        for node in watching:
            assert _eventually(90, lambda one: fires in _alerts(operator, one), node), node.name
            # Fires always, to show that the way is open.
            assert ("LangflowDeadMansSwitch", "") in _alerts(operator, node)
        login = ("operator", secrets["secret_status_page_password"])

        def on_the_page() -> list[str]:
            told = operator.get(f"{lab.url}ha/status.json", auth=login).json()["alerting"]
            assert (told["configured"], told["error"]) == (True, "")
            return [alert["name"] for alert in told["firing"]]

        # A page may be two seconds old, so older than the alert.
        assert _eventually(10, lambda: " ".join(fires) in on_the_page()), on_the_page()
        assert not [name for name in on_the_page() if name.startswith("LangflowDeadMans")]
    finally:
        _on(last, f"rm -f {MADE_UP}")


def test_the_alertmanagers_are_one_cluster(
    operator: httpx.Client, watching: list[NodeSpec]
) -> None:
    for node in watching:
        cluster = operator.get(f"https://{node.address}:9093/api/v2/status").json()["cluster"]
        assert len(cluster["peers"]) == len(watching), cluster


def test_runs_are_counted_by_flow(operator: httpx.Client, watching: list[NodeSpec]) -> None:
    """Verification ran a flow; what is asked here is that the tables could be read."""
    assert _ask(operator, watching[0], "min(langflow_exporter_up)")[0]["value"][1] == "1"
    assert (
        float(_ask(operator, watching[0], "max(langflow_exporter_look_seconds)")[0]["value"][1]) < 1
    )


DASHBOARDS = sorted((ROOT / "roles/grafana/files/dashboards").glob("*.yml"))


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_of_a_dashboard_has_something_to_show(
    operator: httpx.Client, watching: list[NodeSpec], dashboard: Any
) -> None:
    """Those that may rightly be empty say when; they have to be answered all the same."""
    described = yaml.safe_load(dashboard.read_text("utf-8"))

    def empty() -> list[str]:
        return [
            f"{panel['title']}: {expression}"
            for row in described["rows"]
            for panel in row["panels"]
            for expression in panel["queries"].values()
            # A choice of "all", as Grafana would write it.
            if not _ask(operator, watching[0], re.sub(r"\$\w+", ".*", expression))
            and "empty" not in panel
        ]

    # Rates need two samples, recorded series a minute.
    _eventually(90, lambda: not empty())
    assert empty() == []


def test_recorded_series_are_kept_for_long(watching: list[NodeSpec]) -> None:
    query = "http://127.0.0.1:9096/api/v1/query?query=node:memory_used:ratio"
    command = f"python3 -c \"import urllib.request as u; print(u.urlopen('{query}').read())\""
    for node in watching:
        assert _eventually(150, lambda one: "n1" in _on(one, command), node), node.name


@pytest.mark.parametrize("port", [9090, 9093])
def test_nobody_asks_without_a_password(lab: Lab, watching: list[NodeSpec], port: int) -> None:
    trust = ssl.create_default_context(cafile=str(lab.ca_file))
    with httpx.Client(verify=trust, timeout=10, trust_env=False) as stranger:
        for node in watching:
            assert stranger.get(f"https://{node.address}:{port}/api/v1/status").status_code == 401


def test_exporters_ask_for_a_certificate(lab: Lab, watching: list[NodeSpec]) -> None:
    """From a node, which the packet filter lets through: without one no metrics, with its own all."""
    tls = "/etc/langflow-ha/tls"
    asked = f"""
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile="{tls}/ca.crt")
if sys.argv[2] == "own": context.load_cert_chain("{tls}/node.crt", "{tls}/node.key")
try: print(urllib.request.urlopen(sys.argv[1], context=context, timeout=5).status)
except OSError as error: print("refused")
"""
    for node in lab.nodes:
        ports = [9100]
        ports += [9187, 2381] if {"postgresql", "etcd"} <= set(node.groups) else []
        ports += [9121] if "valkey" in node.groups else []
        for port in ports:
            url = f"https://{node.address}:{port}/metrics"
            said = {
                how: Engine().execute(watching[0].container, "python3", "-c", asked, url, how)[1]
                for how in ("own", "none")
            }
            assert {how: text.strip() for how, text in said.items()} == {
                "own": "200",
                "none": "refused",
            }, url
