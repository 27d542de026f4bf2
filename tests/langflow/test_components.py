"""The digest of the site's own components."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from langflow_ha.preflight.specs import ROOT

COMPONENT = "x = 1\n"


@pytest.fixture
def tool() -> ModuleType:
    file = ROOT / "roles/langflow/files/langflow_components.py"
    spec = importlib.util.spec_from_file_location("langflow_components", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made(directory: Path, **files: str) -> Path:
    for name, content in files.items():
        path = directory / name.replace("__", "/").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return directory


def test_the_same_files_are_the_same_digest_and_any_change_is_another(
    tool: ModuleType, tmp_path: Path
) -> None:
    one = tool.digest(made(tmp_path / "1", tools__a_py=COMPONENT, tools__b_py=COMPONENT))
    assert tool.digest(made(tmp_path / "2", tools__b_py=COMPONENT, tools__a_py=COMPONENT)) == one
    changed = made(tmp_path / "3", tools__a_py=COMPONENT, tools__b_py="x = 2\n")
    renamed = made(tmp_path / "4", tools__a_py=COMPONENT, tools__c_py=COMPONENT)
    more = made(tmp_path / "5", tools__a_py=COMPONENT, tools__b_py=COMPONENT, tools__c_py="")
    assert len({one, tool.digest(changed), tool.digest(renamed), tool.digest(more)}) == 4


def test_what_python_leaves_behind_does_not_count(tool: ModuleType, tmp_path: Path) -> None:
    one = tool.digest(made(tmp_path, tools__a_py=COMPONENT))
    (tmp_path / "tools/__pycache__").mkdir()
    (tmp_path / "tools/__pycache__/a.cpython-313.pyc").write_bytes(b"x")
    assert tool.digest(tmp_path) == one


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no <category>"),
        ({"a_py": COMPONENT}, "in no category"),
        ({"tools__a_py": "def"}, "a.py"),
    ],
)
def test_what_langflow_would_not_read_is_refused(
    tool: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    files: dict[str, str],
    words: str,
) -> None:
    assert tool.main([str(made(tmp_path, **files))]) == 1
    assert words in capsys.readouterr().err


def test_a_link_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    made(tmp_path, tools__a_py=COMPONENT)
    (tmp_path / "tools/b.py").symlink_to("a.py")
    with pytest.raises(ValueError, match="is a link"):
        tool.digest(tmp_path)
