"""The archive that the role installs runs by itself, and is the same on every controller."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from helpers import RAW
from langflow_ha.demo.deployed import SOURCES

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "scripts/langflow_ha/health"


@pytest.fixture
def plugin() -> ModuleType:
    file = REPOSITORY / "roles/health_agent/filter_plugins/health_agent_archive.py"
    spec = importlib.util.spec_from_file_location("health_agent_archive", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def delivered() -> list[str]:
    """The packages that the playbooks put on the nodes."""
    wiring = yaml.safe_load((REPOSITORY / "playbooks/group_vars/all/wiring.yml").read_text())
    sources = wiring["health_agent_sources"]
    return [source.replace("{{ __project }}", str(REPOSITORY)) for source in sources]


def modules_of(source: str) -> list[str]:
    """A package's modules, or the one module that the source is."""
    path = Path(source).resolve()
    files = sorted(path.glob("*.py")) if path.is_dir() else [path]
    assert files
    return [f"langflow_ha.{file.parent.name}.{file.stem}" for file in files]


@pytest.mark.parametrize(
    "modules", [modules_of(source) for source in delivered()], ids=lambda names: names[0]
)
def test_each_module_that_is_delivered_finds_all_it_needs_in_the_archive(
    plugin: ModuleType, tmp_path: Path, modules: list[str]
) -> None:
    (tmp_path / "code.pyz").write_bytes(plugin.archive(delivered()))
    code = f"import importlib; [importlib.import_module(name) for name in {modules}]"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "code.pyz")}
    subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, env=environment, check=True)


def test_the_agent_runs_without_the_checkout(plugin: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "code.pyz").write_bytes(plugin.archive(delivered()))
    (tmp_path / "agent.json").write_text(json.dumps(RAW))
    command = [sys.executable, "-S", "-m", "langflow_ha.health", "--config", "agent.json"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "code.pyz")}
    subprocess.run([*command, "agent", "--check-config"], cwd=tmp_path, env=environment, check=True)


def test_what_is_delivered_decides_whether_a_lab_is_deployed_anew() -> None:
    counted = {(REPOSITORY / source).resolve() for source in SOURCES}
    assert {Path(source).resolve() for source in delivered()} <= counted


def test_times_and_the_way_to_the_source_do_not_matter(plugin: ModuleType, tmp_path: Path) -> None:
    copy = tmp_path / "health"
    copy.mkdir()
    for file in reversed(list(SOURCE.glob("*.py"))):
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "__pycache__").mkdir()
    around = f"{tmp_path}/x/../health"
    (tmp_path / "x").mkdir()
    assert plugin.archive([around]) == plugin.archive([str(SOURCE)])


def test_packages_keep_apart_in_one_archive(plugin: ModuleType, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "__init__.py").write_text("")
    whole = plugin.archive([str(other), str(SOURCE)])
    names = zipfile.ZipFile(io.BytesIO(whole)).namelist()
    assert {"langflow_ha/other/__init__.py", "langflow_ha/health/__init__.py"} <= set(names)
    assert whole == plugin.archive([str(SOURCE), str(other)]), "the order of the list matters"


def test_single_modules_of_a_package_come_alone(plugin: ModuleType, tmp_path: Path) -> None:
    status = SOURCE.parent / "status"
    sources = [str(status / "model.py"), str(SOURCE), str(status / "decide.py")]
    whole = plugin.archive(sources)
    names = zipfile.ZipFile(io.BytesIO(whole)).namelist()
    assert {name for name in names if "/status/" in name} == {
        "langflow_ha/status/__init__.py",
        "langflow_ha/status/decide.py",
        "langflow_ha/status/model.py",
    }
    assert whole == plugin.archive(sources[::-1])
    with pytest.raises(AnsibleFilterError, match=r"no \*.py in"):
        plugin.archive([str(status / "missing.py")])


def test_a_directory_without_code_is_refused(plugin: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(AnsibleFilterError, match=r"no \*.py in"):
        plugin.archive([str(SOURCE), str(tmp_path)])
