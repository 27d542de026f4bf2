"""After every step: each node runs the version that the inventory names, on a schema that it knows, and starts at boot."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from langflow_ha.lab.model import Lab

testinfra_hosts = ["ansible://langflow"]


@pytest.fixture
def wanted(lab: Lab) -> str:
    text = (lab.inventory / "group_vars/all/version.yml").read_text("utf-8")
    return str(yaml.safe_load(text)["langflow_version"])


def test_the_version_of_the_inventory_runs(host: Any, wanted: str) -> None:
    assert host.file("/opt/langflow/current").linked_to.rpartition("/")[2].startswith(f"{wanted}-")
    address = host.ansible.get_variables()["ansible_host"]
    told = host.check_output(f"curl -sS --max-time 10 http://{address}:7860/api/v1/version")
    assert f'"version":"{wanted}"' in told.replace(" ", "")


def test_it_knows_the_schema(host: Any) -> None:
    done = host.run("/usr/local/lib/langflow-ha/langflow-admin knows-schema")
    assert done.rc == 0, done.stderr


def test_it_starts_at_boot_and_is_in_traffic(host: Any) -> None:
    assert host.service("langflow").is_enabled and host.service("langflow").is_running
    states = host.check_output("langflow-ha report --json")
    assert '"MAINT"' not in states and '"DRAIN"' not in states
