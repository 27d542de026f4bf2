"""The edge: shares by weight, and requests that name their node."""

from __future__ import annotations

import importlib.util
from typing import Any

from langflow_ha import ROOT
from real_haproxy import rendered

ROLE = ROOT / "roles/haproxy"
BACKENDS = ("langflow", "langflow_sticky", "langflow_alive", "langflow_weighted")


def sections(**changes: Any) -> dict[str, list[str]]:
    """The rendered configuration: the lines of each section by its name."""
    found: dict[str, list[str]] = {}
    for line in rendered(**changes).splitlines():
        if line[:1].strip() and not line.startswith("#"):
            lines = found.setdefault(line.split()[-1], [])
        elif line.strip() and not line.strip().startswith("#"):
            lines.append(line.strip())
    return found


def only(lines: list[str], *words: str) -> list[str]:
    return [line for line in lines if line.startswith(words)]


def test_a_percentage_is_of_a_weight_that_has_percents() -> None:
    """Of HAProxy's default weight, 1, every percentage below 100 is 0: no traffic at all."""
    for backend in BACKENDS:
        (defaults,) = only(sections()[backend], "default-server weight")
        assert defaults == "default-server weight 100 slowstart 10s"


def test_where_shares_count_the_agents_are_asked() -> None:
    found = sections()
    agent = "agent-check agent-port 7951 agent-inter 1000ms"
    assert only(found["langflow"], "server n3") == [f"server n3 192.0.2.13:7860 check {agent}"]
    assert only(found["langflow_weighted"], "server n3") == [
        f"server n3 192.0.2.13:7860 track langflow/n3 cookie n3 {agent}"
    ]
    assert only(found["langflow_sticky"], "server n3") == [
        "server n3 192.0.2.13:7860 track langflow/n3 cookie n3"
    ]
    without = sections(haproxy_agent_port=0)
    assert not [line for name in BACKENDS for line in without[name] if "agent" in line]


def test_while_a_node_has_a_part_of_its_share_requests_are_dealt_out_by_weight() -> None:
    found = sections()
    assert only(found["edge"], "acl shared_by_weight") == [
        f"acl shared_by_weight srv_uweight(langflow/{n}) 1:99" for n in ("n1", "n2", "n3")
    ]
    # After the outage's backend, before all others.
    assert [line.split()[1] for line in only(found["edge"], "use_backend", "default_backend")] == [
        "langflow_alive",
        "langflow_weighted",
        "langflow_sticky",
        "langflow",
    ]
    balance = {name: only(found[name], "balance")[0].split()[1] for name in BACKENDS}
    assert balance.pop("langflow_weighted") == "roundrobin"
    assert set(balance.values()) == {"leastconn"}


def test_who_has_a_node_keeps_it_and_nobody_else_gets_one() -> None:
    weighted, sticky = (sections()[name] for name in ("langflow_weighted", "langflow_sticky"))
    assert only(weighted, "cookie") == only(sticky, "cookie") != []
    assert only(weighted, "ignore-persist") == ["ignore-persist unless { var(txn.same_server) -m bool }"]  # fmt: skip
    assert "http-request set-var(txn.same_server) bool(true) if wants_same_server" in sections()["edge"]  # fmt: skip


def test_a_request_that_names_its_node_gets_it_unless_that_is_drained() -> None:
    found = sections()
    assert "http-request set-var(txn.node) req.hdr(x-langflow-node)" in found["edge"]
    for backend in BACKENDS:
        assert only(found[backend], "use-server") == [
            f"use-server {n} if {{ var(txn.node) -m str {n} }} {{ srv_is_up(langflow_sticky/{n}) }}"
            for n in ("n1", "n2", "n3")
        ]
    off = sections(haproxy_node_header="")
    assert not [line for lines in off.values() for line in lines if "txn.node" in line]


def test_a_drain_takes_a_server_out_of_every_backend() -> None:
    """Those with a cookie need maint, by which the header knows a drained server, too."""
    spec = importlib.util.spec_from_file_location("servers", ROLE / "files/haproxy_servers.py")
    assert spec is not None and spec.loader is not None
    servers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(servers)
    assert set(servers.DRAINED) == set(BACKENDS)
    found = sections()
    assert {name for name in BACKENDS if only(found[name], "cookie")} == {
        name for name, state in servers.DRAINED.items() if state == "maint"
    }
