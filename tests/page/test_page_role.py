"""The role's configuration is one that the daemon takes, and its code runs on a node without a library."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

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
    directory = str(ROOT / "playbooks")
    code.write_bytes(archive([path.replace("{{ playbook_dir }}", directory) for path in paths]))
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
