from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import raw
from langflow_ha.health import report
from langflow_ha.health.config import parse


def test_a_disk_is_told_of_once_however_many_directories_are_on_it(tmp_path: Path) -> None:
    first, second = tmp_path / "drive1", tmp_path / "drive2"
    for directory in (first, second):
        directory.mkdir()
    found = report._disks((str(first), str(second)))
    assert list(found) == [str(first)]
    used = shutil.disk_usage(first)
    assert found[str(first)]["available_bytes"] == pytest.approx(used.free, rel=0.05)
    assert found[str(first)]["used_bytes"] == pytest.approx(used.used, rel=0.05)


def test_a_directory_that_is_missing_is_an_error_of_its_section_alone(tmp_path: Path) -> None:
    config = raw()
    config["report"]["data_directories"] = [str(tmp_path / "missing")]
    sections = report.collect(parse(config))
    assert "missing" in sections["disks"]["error"]
