"""What the dashboards ask can be asked, is told by somebody, and has its place on the screen."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from langflow_ha import ROOT
from playbook_helpers import run_playbook, said

ROLE = ROOT / "roles/grafana"
SOURCES = sorted((ROLE / "files/dashboards").glob("*.yml"))
PREFIXES = (
    "langflow_ha_",
    "langflow_ha_drill_",
    "langflow_ha_gpu_",
    "langflow_backup_",
    "langflow_exporter_",
)
"""What the kit's daemons put before the names that stand in their code."""
PROMTOOL = ROOT / ".cache/prometheus/usr/bin/promtool"


def _filter() -> Any:
    path = ROLE / "filter_plugins/grafana_dashboard.py"
    spec = importlib.util.spec_from_file_location("grafana_dashboard", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLUGIN = _filter()


def described(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


def made(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = PLUGIN.grafana_dashboard(described(path))
    return found


def queries(path: Path) -> Iterator[str]:
    for row in described(path)["rows"]:
        for panel in row["panels"]:
            yield from panel["queries"].values()


def recorded() -> set[str]:
    files = (ROOT / "roles/prometheus/files/rules").glob("*.yml")
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_prometheus_can_parse_every_query(path: Path, tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(queries(path))
    ]
    assert rules
    (tmp_path / "rules.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]})
    )
    done = subprocess.run(
        [PROMTOOL, "check", "rules", tmp_path / "rules.yml"], capture_output=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_what_the_kit_is_asked_for_it_tells(path: Path) -> None:
    """Metrics of others are known to a lab's Prometheus only: molecule/shared/tests/test_monitoring.py."""
    code = "\n".join(
        file.read_text("utf-8") for file in (ROOT / "scripts/langflow_ha").rglob("*.py")
    )
    told = set(re.findall(r'"(langflow_\w+)"', code))
    told |= {prefix + name for prefix in PREFIXES for name in re.findall(r'"(\w+)"', code)}
    for expression in queries(path):
        bare = re.sub(r'"[^"]*"', "", expression)
        asked = set(re.findall(r"\b(?:langflow|node):[\w:]+", bare))
        assert asked <= recorded(), expression
        # LangFlow's own begin with langflow_bg_, and no dashboard asks for them.
        assert set(re.findall(r"(?<!:)\b(langflow_\w+)", bare)) <= told, expression


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_panels_fill_their_rows_and_do_not_overlap(path: Path) -> None:
    panels = made(path)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and max(x for x, _ in cells) < PLUGIN.WIDTH, panel["title"]
        taken |= cells


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_variables_are_chosen_somewhere(path: Path) -> None:
    dashboard = made(path)
    chosen = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard["panels"])))
    assert used == chosen


def test_every_dashboard_is_installed_and_is_one_of_its_own() -> None:
    defaults = described(ROLE / "defaults/main.yml")["grafana_dashboards"]
    assert sorted(defaults) == [path.stem for path in SOURCES]
    assert len({made(path)["uid"] for path in SOURCES}) == len(SOURCES)


def test_panels_know_no_words_that_mean_nothing() -> None:
    """A misspelt `empty` would be a panel that fails in a lab, or never does."""
    for path in SOURCES:
        for row in described(path)["rows"]:
            assert set(row) == {"title", "panels"}
            for panel in row["panels"]:
                assert set(panel) <= {"title", "kind", "unit", "max", "empty", "queries"}, panel


def test_both_prometheus_are_asked_with_tls_and_password() -> None:
    environment = Environment(
        loader=FileSystemLoader(ROLE / "templates"), trim_blocks=True, undefined=StrictUndefined
    )
    environment.filters["to_json"] = json.dumps
    text = environment.get_template("datasources.yml.j2").render(
        described(ROLE / "defaults/main.yml")
        | {
            "ansible_managed": "managed",
            "__grafana_provisioning": "/etc/langflow-ha-grafana",
            "grafana_prometheus": [
                {"name": name, "url": f"https://198.18.79.1{name[1]}:9090"} for name in ("n1", "n2")
            ],
        }
    )
    sources = yaml.safe_load(text)["datasources"]
    assert [(s["url"], s["isDefault"]) for s in sources] == [
        ("https://198.18.79.11:9090", True),
        ("https://198.18.79.12:9090", False),
    ]
    for source in sources:
        assert source["jsonData"]["tlsAuthWithCACert"] is True
        assert source["secureJsonData"] == {
            "basicAuthPassword": "$__file{/etc/langflow-ha-grafana/password}",
            "tlsCACert": "$__file{/etc/langflow-ha/tls/ca.crt}",
        }


@pytest.mark.playbooks
@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_a_package_without_its_digest_is_refused(tmp_path: Path, digest: str) -> None:
    package = tmp_path / "grafana.deb"
    package.write_bytes(b"not the promised one")
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "roles": ["grafana"],
        "vars": {
            "grafana_address": "198.18.79.11",
            "grafana_password": "secret",
            "grafana_package": str(package),
            "grafana_package_sha256": digest,
        },
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    done = run_playbook("--check", tmp_path / "play.yml")
    answer = said(done)
    assert done.returncode != 0
    assert hashlib.sha256(package.read_bytes()).hexdigest() in answer, answer
    assert f'grafana_package_sha256 says "{digest}"' in answer
