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
from ansible.errors import AnsibleFilterError
from helpers import RAW

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


def test_the_archive_runs_without_the_checkout(plugin: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "code.pyz").write_bytes(plugin.archive([str(SOURCE)]))
    (tmp_path / "agent.json").write_text(json.dumps(RAW))
    command = [sys.executable, "-S", "-m", "langflow_ha.health", "--config", "agent.json"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "code.pyz")}
    subprocess.run([*command, "agent", "--check-config"], cwd=tmp_path, env=environment, check=True)


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
