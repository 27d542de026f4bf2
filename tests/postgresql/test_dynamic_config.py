"""The difference between Patroni's live configuration and the wanted one, as a table."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROLE = Path(__file__).parents[2] / "roles" / "postgresql"


def load(path: Path) -> ModuleType:
    """Import the role's module, which is no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


config = load(ROLE / "library" / "patroni_dynamic_config.py")


@pytest.mark.parametrize(
    ("live", "wanted", "patch"),
    [
        pytest.param({"ttl": 30}, {"ttl": 30}, {}, id="equal"),
        pytest.param({"ttl": 30}, {"ttl": "30"}, {}, id="equal by its text, as Patroni compares"),
        pytest.param({"ttl": 30}, {"ttl": 20}, {"ttl": 20}, id="changed"),
        pytest.param({"ttl": 30, "x": 1}, {"ttl": 30}, {}, id="foreign key left alone"),
        pytest.param({}, {"ttl": 30}, {"ttl": 30}, id="new key"),
        pytest.param({"ttl": 30}, {"ttl": None}, {"ttl": None}, id="removed"),
        pytest.param({}, {"ttl": None}, {}, id="removed already"),
        pytest.param(
            {}, {"p": {"a": None, "b": 1}}, {"p": {"b": 1}}, id="nothing to remove in a new branch"
        ),
        pytest.param(
            {"postgresql": {"parameters": {"a": 1, "b": 2}, "use_slots": True}},
            {"postgresql": {"parameters": {"a": 1, "b": 3}}},
            {"postgresql": {"parameters": {"b": 3}}},
            id="only the differing leaf",
        ),
        pytest.param({"p": 1}, {"p": {"a": 1}}, {"p": {"a": 1}}, id="scalar becomes branch"),
        pytest.param({"on": True}, {"on": False}, {"on": False}, id="boolean"),
        pytest.param({"tags": ["a"]}, {"tags": ["a", "b"]}, {"tags": ["a", "b"]}, id="list"),
    ],
)
def test_difference(live: dict[str, Any], wanted: dict[str, Any], patch: dict[str, Any]) -> None:
    assert config.difference(live, wanted) == patch


def test_at_shows_only_what_the_patch_touches() -> None:
    live = {"ttl": 30, "postgresql": {"parameters": {"a": 1, "b": 2}}}
    patch = {"postgresql": {"parameters": {"b": 3, "c": 4}}}
    assert config.at(live, patch) == {"postgresql": {"parameters": {"b": 2}}}


def test_read_tries_the_next_member(monkeypatch: pytest.MonkeyPatch) -> None:
    def request(url: str, context: object, timeout: int) -> dict[str, Any]:
        if "dead" in url:
            raise OSError("refused")
        return {"ttl": 30}

    monkeypatch.setattr(config, "request", request)
    assert config.read(["https://dead", "https://live"], None, 1) == ("https://live", {"ttl": 30})
    with pytest.raises(LookupError, match="https://dead: refused"):
        config.read(["https://dead"], None, 1)
