"""The order in which Patroni asks the etcd members."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "roles" / "postgresql" / "files" / "patroni-etcd-order"


def load() -> ModuleType:
    """Import the script, whose name has no suffix."""
    spec = spec_from_loader(
        "patroni_etcd_order", SourceFileLoader("patroni_etcd_order", str(SCRIPT))
    )
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load()


@pytest.mark.parametrize(
    ("alive", "expected"),
    [
        pytest.param("abc", ["a", "b", "c"], id="own member first"),
        pytest.param("bc", ["b", "c", "a"], id="own member down"),
        pytest.param("ac", ["a", "c", "b"], id="another down"),
        pytest.param("", ["a", "b", "c"], id="nobody answers"),
    ],
)
def test_order(alive: str, expected: list[str]) -> None:
    assert script.order(["a", "b", "c"], lambda host: host in alive) == expected


@pytest.mark.parametrize(
    ("alone", "alive", "expected"),
    [
        pytest.param("a", "abc", ["a"], id="own member alone"),
        pytest.param("a", "bc", ["b", "c", "a"], id="own member down"),
        pytest.param("", "abc", ["a", "b", "c"], id="not wanted, or no own member"),
    ],
)
def test_alone(alone: str, alive: str, expected: list[str]) -> None:
    assert script.choose(["a", "b", "c"], alone, lambda host: host in alive) == expected


def test_environment_is_what_patroni_parses() -> None:
    assert (
        script.environment(["h1:2379", "h2:2379"])
        == "PATRONI_ETCD3_HOSTS=\"'h1:2379','h2:2379'\"\n"
    )
