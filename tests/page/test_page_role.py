"""The role's configuration is one that the daemon takes, and its code runs on a node without a library."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from langflow_ha import ROOT
from page_helpers import RAW

ROLE = ROOT / "roles/status_page"
WIRING = (ROOT / "playbooks/group_vars/all/wiring.yml").read_text("utf-8")


def rendered() -> str:
    environment = Environment(
        loader=FileSystemLoader(ROLE / "templates"), trim_blocks=True, undefined=StrictUndefined
    )
    environment.filters["to_nice_json"] = json.dumps
    values = {
        **yaml.safe_load((ROLE / "defaults/main.yml").read_text("utf-8")),
        "status_page_node_name": "n2",
        "status_page_address": "198.18.79.12",
        "status_page_site": "blue",
        "status_page_nodes": RAW["nodes"],
        "status_page_alertmanagers": ["http://198.18.79.11:9093"],
        "__status_page_asks": True,
    }
    return environment.get_template("status-page.json.j2").render(values)


def test_what_is_delivered_runs_by_itself(tmp_path: Path) -> None:
    """With the sources of the wiring, without site-packages."""
    sources = re.search(r"health_agent_sources: (\[.*?\])", WIRING, re.S)
    assert sources
    paths = yaml.safe_load(sources[1])
    code = tmp_path / "langflow-ha.pyz"
    plugin = ROOT / "roles/health_agent/filter_plugins"
    sys.path.insert(0, str(plugin))
    try:
        from health_agent_archive import archive  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(plugin))
    code.write_bytes(archive([path.replace("{{ __project }}", str(ROOT)) for path in paths]))
    (tmp_path / "page.json").write_text(rendered(), "utf-8")
    command = [sys.executable, "-S", "-m", "langflow_ha.page", "--check-config"]
    environment = {**os.environ, "PYTHONPATH": str(code)}
    done = subprocess.run(
        [*command, "--config", "page.json"],
        cwd=tmp_path,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def edge(**changes: Any) -> list[str]:
    """Return the lines of HAProxy's configuration."""
    role = ROOT / "roles/haproxy"
    environment = Environment(
        loader=FileSystemLoader(role / "templates"), trim_blocks=True, undefined=StrictUndefined
    )
    values = {
        **yaml.safe_load((role / "defaults/main.yml").read_text("utf-8")),
        "ansible_managed": "managed",
        "haproxy_node_name": "n2",
        "haproxy_http2": True,
        "haproxy_address": "198.18.79.12",
        "haproxy_stats_password": "secret",
        **changes,
    }
    text = environment.get_template("haproxy.cfg.j2").render(values)
    return [line.strip() for line in text.splitlines()]


def test_nobody_passes_both_locks_before_the_status_page() -> None:
    servers = [{"name": "n1", "address": "a"}, {"name": "n2", "address": "b"}]
    lines = edge(
        haproxy_status_servers=servers,
        haproxy_status_networks=["198.18.0.0/15", "fd00::/8"],
        haproxy_status_password="pass",
    )
    network = lines.index(
        "http-request deny deny_status 403 if status_page !{ src 198.18.0.0/15 fd00::/8 }"
    )
    password = lines.index(
        "http-request auth realm status if status_page !{ http_auth(operators) }"
    )
    assert network < password < lines.index("use_backend status_page if status_page")
    # One list of paths for the locks and for the way in: what is let in is what is locked.
    assert [line for line in lines if line.startswith("acl status_page")] == [
        "acl status_page path /ha",
        "acl status_page path_beg /ha/",
    ]
    assert [
        line for line in lines if "default_backend" in line or "use_backend status" in line
    ] == [
        "use_backend status_page if status_page",
        "default_backend langflow",
    ]
    assert "http-request del-header authorization" in lines, "the password goes no further"
    # This node's own page first, the others' when it is dead.
    own = lines.index("server n2 b:7954 check")
    assert lines[own + 1] == "server n1 a:7954 check backup"


def test_without_servers_there_is_no_status_page() -> None:
    assert not [line for line in edge() if "status_page" in line or "userlist" in line]
