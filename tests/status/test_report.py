from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from langflow_ha.secrets.init import create_password_file, init_secrets
from langflow_ha.status.gather import gather
from langflow_ha.status.model import ClusterView, as_data
from langflow_ha.status.remote import Completed, RemoteError
from langflow_ha.status.render import page
from langflow_ha.status.report import certificate_days, node_status, traffic
from langflow_ha.status.site import Node, Site, SiteError, build_site, load_site
from rich.console import Console

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ALL = ["cluster", "balancer", "langflow", "etcd", "postgresql", "valkey", "minio"]
REPORT: dict[str, Any] = {
    "node": "n1",
    "units": {
        "haproxy.service": {"active": "active", "sub": "running", "restarts": "0"},
        "valkey-sentinel.service": {"active": "active", "sub": "running", "restarts": "0"},
    },
    "versions": {"patroni": "4.0.4", "haproxy": "3.0.11"},
    "certificates": {"/etc/langflow-ha/tls/node.crt": "Mar  2 00:00:00 2030 GMT"},
    "agent": {"standing": "fit", "weight": 40, "vip_held": True},
    "vip": {"held": True},
    "langflow": {"ready": True, "version": "1.13.0"},
    "patroni": {"state": "running", "role": "primary", "timeline": 3},
    "etcd": {"health": "true"},
    "minio": {"live": True, "cluster": True},
    "valkey": {"role": "slave", "master_link_status": "up"},
    "haproxy": [
        {"pxname": "langflow", "svname": "n1", "status": "UP"},
        {"pxname": "langflow", "svname": "n2", "status": "UP 1/3"},
        {"pxname": "langflow", "svname": "BACKEND", "status": "UP"},
        {"pxname": "langflow_sticky", "svname": "n1", "status": "DOWN"},
    ],
}


def status(report: dict[str, Any]) -> Any:
    return node_status("n1", frozenset(ALL), report, NOW, "UP")


def test_a_whole_report() -> None:
    node = status(REPORT)
    assert node.holds_vip
    assert (node.standing, node.weight, node.traffic) == ("fit", 40, "UP")
    assert (node.postgresql, node.synchronous) == ("primary", False)
    assert (node.valkey, node.valkey_link, node.sentinel) == ("replica", True, True)
    assert (node.etcd, node.store, node.langflow) == (True, True, True)
    assert node.versions["langflow"] == "1.13.0"
    assert node.certificate_days == pytest.approx(60)
    assert node.problems == ()
    assert node.share is None


def test_disks_are_as_full_as_df_says() -> None:
    space = {"used_bytes": 88, "available_bytes": 12}
    nothing = {"used_bytes": 0, "available_bytes": 0}
    node = status({**REPORT, "disks": {"/var/lib/postgresql": space, "/x": nothing}})
    assert node.disks == {"/var/lib/postgresql": 88.0, "/x": 0.0}
    assert status({**REPORT, "disks": {"error": "no such directory"}}).disks == {}


def test_a_share_that_hangs_is_named() -> None:
    agent = {"checks": {"share": {"up": False, "detail": "no answer in 1.5 s"}}}
    node = status({**REPORT, "agent": {**REPORT["agent"], **agent}})
    assert node.share is False
    assert node.problems == ("shared files: no answer in 1.5 s",)


@pytest.mark.parametrize(
    ("patroni", "expected"),
    [
        ({"state": "running", "role": "replica", "sync_standby": True}, ("replica", True, None)),
        (
            {"state": "running", "role": "replica", "replication_state": "streaming"},
            ("replica", False, None),
        ),
        ({"state": "stopped", "role": "replica"}, ("", False, None)),
        (
            {"members": [{"name": "n1", "role": "sync_standby", "state": "streaming", "lag": 7}]},
            ("replica", True, 7),
        ),
        ({"members": [{"name": "n2", "role": "leader", "state": "running"}]}, ("", False, None)),
        (
            {"members": [{"name": "n1", "role": "leader", "state": "running"}]},
            ("primary", False, None),
        ),
    ],
)
def test_patroni_in_both_shapes(patroni: dict[str, Any], expected: tuple[object, ...]) -> None:
    node = status({**REPORT, "patroni": patroni})
    assert (node.postgresql, node.synchronous, node.lag_bytes) == expected


def test_errors_leave_gaps_and_name_themselves() -> None:
    broken = {name: {"error": "refused"} for name in REPORT if name != "node"}
    node = status(broken)
    assert node.langflow is False
    assert node.etcd is False
    assert node.standing == "unknown"
    assert "patroni: refused" in node.problems
    assert status({}).postgresql == ""


def test_a_failed_unit_is_a_problem() -> None:
    node = status({**REPORT, "units": {"haproxy.service": {"active": "failed"}}})
    assert "haproxy.service is failed" in node.problems
    assert node.sentinel is None


def test_traffic_joins_differing_views() -> None:
    other = {"haproxy": [{"pxname": "langflow", "svname": "n1", "status": "MAINT"}]}
    assert traffic({"n1": REPORT, "n2": other, "n3": {"haproxy": {"error": "x"}}}) == {
        "n1": "MAINT/UP",
        "n2": "UP",
    }


def test_a_canary_and_crashes_are_told() -> None:
    agent = {"standing": "fit", "canary_weight": 22}
    units = {"langflow.service": {"active": "active", "sub": "running", "restarts": "3"}}
    node = status({**REPORT, "agent": agent, "units": units})
    assert (node.canary, node.langflow_restarts) == (22, 3)
    assert (status(REPORT).canary, status(REPORT).langflow_restarts) == (None, 0)
    assert status({**REPORT, "agent": {"error": "no"}}).canary is None


def test_the_first_certificate_to_end_counts() -> None:
    ends = {"a": "Feb  1 00:00:00 2030 GMT", "b": "Jan 11 00:00:00 2030 GMT", "c": "garbage"}
    assert certificate_days(ends, NOW) == pytest.approx(10)
    assert certificate_days({}, NOW) is None


HOSTS: dict[str, dict[str, Any]] = {
    name: {
        "ansible_host": f"198.18.10.1{i}",
        "ansible_user": "root",
        "ansible_ssh_private_key_file": "/keys/id",
        "ansible_ssh_common_args": "-o UserKnownHostsFile=/keys/known",
        "vip_ipv4": "198.18.10.100/24",
        "vip_ipv6": "fd00::100/64",
        "site_name": "demo",
        "group_names": ALL,
    }
    for i, name in enumerate(("n1", "n2", "n3"), start=1)
}


def test_a_site_from_an_inventory() -> None:
    site = build_site(Path("/inv"), HOSTS)
    assert site.vips == ("198.18.10.100", "fd00::100")
    assert site.url == "https://198.18.10.100"
    argv = site.node("n1").command("true")
    assert argv[0] == "ssh"
    assert argv[-2:] == ["root@198.18.10.11", "true"]
    assert "UserKnownHostsFile=/keys/known" in argv
    other = build_site(Path("/inv"), {"n1": {**HOSTS["n1"], "ansible_user": "ops"}})
    assert other.node("n1").command("true")[-1] == "sudo -n true"
    assert "secret" not in repr(build_site(Path("/inv"), HOSTS))


@pytest.mark.parametrize(
    ("variables", "production"),
    [
        ({}, True),
        ({"site_environment": "test"}, False),
        ({"site_environment": "production"}, True),
        ({"site_environment": "Prod"}, True),  # preflight refuses it; a drill must not be lenient
    ],
)
def test_a_site_is_production_when_in_doubt(variables: dict[str, Any], production: bool) -> None:
    hosts = {name: {**values, **variables} for name, values in HOSTS.items()}
    assert build_site(Path("/inv"), hosts).production is production


def test_what_an_inventory_must_have() -> None:
    with pytest.raises(SiteError, match="`cluster` is empty"):
        build_site(Path("/inv"), {"n1": {"group_names": ["all"]}})
    with pytest.raises(SiteError, match="vip_ipv4 is not set"):
        build_site(Path("/inv"), {"n1": {"group_names": ["cluster"]}})


class FakeRemote:
    async def run(self, node: Node, script: str, *, timeout: float = 20.0) -> Completed:
        if node.name == "n3":
            raise RemoteError("n3: no answer within 15 s")
        if node.name == "n2":
            return Completed(127, "", "bash: langflow-ha: command not found\n")
        return Completed(0, json.dumps(REPORT), "")


def view(site: Site) -> ClusterView:
    return asyncio.run(gather(site, FakeRemote()))  # type: ignore[arg-type]


def test_gathering_survives_nodes_that_do_not_answer() -> None:
    cluster = view(build_site(Path("/inv"), HOSTS))
    assert [n.error for n in cluster.nodes] == [
        "",
        "bash: langflow-ha: command not found",
        "n3: no answer within 15 s",
    ]
    assert not cluster.verdict.can_fail_over
    assert json.loads(json.dumps(as_data(cluster)))["summary"]["vip_owners"] == ["n1"]


def test_the_page_fits_and_says_it_without_colour() -> None:
    console = Console(width=80, color_system=None, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(page(view(build_site(Path("/inv"), HOSTS))))
    text = console.export_text()
    assert "can fail over now: NO, because" in text
    assert "VIP fit" in text
    assert "DOWN" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text


def test_backups_as_the_freshest_node_sees_them() -> None:
    state = {"kind": "database", "newest": {"at": 5.0}, "limit_hours": 30.0}
    none = {"kind": "files", "newest": None, "limit_hours": 30.0}
    found = status(REPORT | {"backup": {"at": 9.0, "states": [state, none], "problems": ["gap"]}})
    assert found.backup.at == 9.0
    assert [(k.kind, k.at) for k in found.backup.kept] == [("database", 5.0), ("files", None)]
    assert found.backup.problems == ("gap",)
    assert status(REPORT).backup is None
    assert status(REPORT | {"backup": {"error": "no such file"}}).backup is None


def test_a_vault_without_a_password_names_the_mend(tmp_path: Path) -> None:
    password = tmp_path / "password"
    create_password_file(password)
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    (inventory / "hosts.yml").write_text("cluster: {hosts: {n1: }}\n")
    init_secrets(inventory, password, "langflow")
    with pytest.raises(SiteError, match="set ANSIBLE_VAULT_PASSWORD_FILE"):
        load_site(inventory=inventory)
