"""Each node for itself: units, sockets, files."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
from langflow_ha.lab.model import Lab, NodeSpec

testinfra_hosts = ["ansible://cluster"]

UNITS = {
    "cluster": ("langflow-ha-agent", "langflow-ha-firewall", "prometheus-node-exporter"),
    "etcd": ("etcd",),
    "postgresql": ("patroni", "langflow-ha-backup-full.timer", "langflow-ha-backup-check.timer"),
    "minio": ("minio",),
    "langflow": ("backend-proxy", "langflow", "langflow-ha-runs"),
    "balancer": ("haproxy", "keepalived"),
    "monitoring": (
        "prometheus",
        "prometheus-alertmanager",
        "prometheus-blackbox-exporter",
        "langflow-ha-prometheus-long",
    ),
}
"""Units that run on the nodes of a group; Valkey's names differ between the releases."""

FAST_FAILOVER = {"etcd": ("langflow-ha-failover",), "postgresql": ("langflow-ha-fence.path",)}
"""As UNITS, where there are three etcd members."""

EXPOSURE_MAX = {
    "langflow": 3.0,
    "minio": 3.0,
    "backend-proxy": 3.0,
    "langflow-ha-agent": 3.0,
    "langflow-ha-failover": 2.0,
    "langflow-ha-runs": 2.0,
    "prometheus": 3.0,
    "prometheus-alertmanager": 3.0,
    "langflow-ha-prometheus-long": 3.0,
}
"""Highest `systemd-analyze security` level of the units that the kit brings along."""

WILDCARD_PORTS = {22, 80, 443, 9190}
"""May listen on every address. LangFlow's metrics (9190) know no other way; the packet filter guards them."""

SECRET_PLACES = (
    "/etc /opt/langflow-ha /usr/local /var/lib/langflow-ha /run/langflow-ha /var/log /tmp"
)


@pytest.fixture
def node(host: Any, lab: Lab) -> NodeSpec:
    return lab.node(host.check_output("hostname"))


def _members(lab: Lab, node: NodeSpec) -> tuple[str, ...]:
    return ("cluster", *node.groups)


def _units(lab: Lab, node: NodeSpec) -> list[str]:
    """Units of the table that are wanted on a node."""
    fast = sum("etcd" in other.groups for other in lab.nodes) >= 3
    tables = (UNITS, FAST_FAILOVER) if fast and "etcd" in node.groups else (UNITS,)
    return [u for group in _members(lab, node) for table in tables for u in table.get(group, ())]


def test_no_unit_has_failed(host: Any) -> None:
    assert host.check_output("systemctl --failed --plain --no-legend --no-pager") == ""


def test_units_run_and_start_at_boot(host: Any, lab: Lab, node: NodeSpec) -> None:
    wanted = _units(lab, node)
    if "valkey" in node.groups and lab.mode == "active_active":
        flavour = "valkey" if node.os == "debian13" else "redis"
        wanted += [f"{flavour}-server", f"{flavour}-sentinel"]
    states = {
        unit: (
            host.run(f"systemctl is-active {unit}").stdout.strip(),
            host.run(f"systemctl is-enabled {unit}").stdout.strip(),
        )
        for unit in wanted
    }
    assert states == dict.fromkeys(wanted, ("active", "enabled"))


def test_units_are_hardened(host: Any, lab: Lab, node: NodeSpec) -> None:
    mine = _units(lab, node)
    for unit, limit in EXPOSURE_MAX.items():
        if unit in mine:
            report = host.run(f"systemd-analyze security --no-pager {unit}.service").stdout
            level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", report)
            assert level is not None, report
            assert float(level.group(1)) <= limit, f"{unit}: {level.group(0)}"


def test_only_the_front_door_listens_everywhere(host: Any, node: NodeSpec) -> None:
    listening = host.check_output("ss -Hlnt").splitlines()
    assert listening
    wrong = []
    for line in listening:
        address, _, port = line.split()[3].rpartition(":")
        address = address.strip("[]").partition("%")[0]
        everywhere = address in ("0.0.0.0", "*", "::")
        local = address == "::1" or address.startswith("127.")
        own = address in (node.address, node.address6)
        if not (local or own or (everywhere and int(port) in WILDCARD_PORTS)):
            wrong.append(line)
    assert wrong == []


def test_secrets_are_not_readable_by_everybody(host: Any, secrets: dict[str, str]) -> None:
    patterns = "\n".join(secrets.values())
    search = f"grep -rslFf - {SECRET_PLACES}"
    found = host.run(f"printf '%s\\n' {shlex.quote(patterns)} | {search}").stdout.split()
    assert found, "no file of the node holds a secret: the search is broken"
    modes = host.check_output(f"stat --format='%a %n' {' '.join(map(shlex.quote, found))}")
    assert [line for line in modes.splitlines() if line.split()[0][-1] != "0"] == []


def test_secrets_are_on_no_command_line_and_in_no_journal(
    host: Any, secrets: dict[str, str]
) -> None:
    lines = host.check_output("ps -eo args")
    journal = host.check_output("journalctl --boot --no-pager --output=cat")
    for name, value in secrets.items():
        assert value not in lines, f"{name} is on a command line"
        assert value not in journal, f"{name} is in the journal"


def test_langflows_own_production_preflight_passes(host: Any, node: NodeSpec) -> None:
    if "langflow" not in node.groups:
        pytest.skip("no LangFlow on this node")
    result = host.run("/usr/local/lib/langflow-ha/langflow-admin preflight")
    assert result.rc == 0, result.stdout + result.stderr


def test_langflows_settings_are_private(host: Any, node: NodeSpec) -> None:
    if "langflow" not in node.groups:
        pytest.skip("no LangFlow on this node")
    assert host.file("/etc/langflow/langflow.env").mode == 0o600
    assert host.file("/opt/langflow/current").is_symlink
