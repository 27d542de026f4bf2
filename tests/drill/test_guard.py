from __future__ import annotations

from pathlib import Path

import pytest
import typer
from langflow_ha.drill.guard import confirm_production, objection
from langflow_ha.status.site import Site


def site(*, production: bool) -> Site:
    return Site(
        "prod1", Path("/inv"), (), "10.0.0.1", "", "https://10.0.0.1", None, "admin", {},
        production=production, mode="active_active", lab=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("production", "given", "terminal", "expected"),
    [
        (False, "", False, ""),
        (False, "other", False, ""),
        (True, "prod1", False, ""),
        (True, "", True, ""),
        (True, "", False, "add --yes-production prod1"),
        (True, "prod2", False, "this site is called prod1"),
        (True, "prod2", True, "this site is called prod1"),
        (True, "true", True, "this site is called prod1"),
    ],
)
def test_objection(production: bool, given: str, terminal: bool, expected: str) -> None:
    found = objection(site(production=production), given, terminal=terminal)
    assert expected in found
    assert bool(found) is bool(expected)


@pytest.mark.parametrize(("typed", "allowed"), [("prod1", True), ("yes", False), ("", False)])
def test_the_typed_name_decides(typed: str, allowed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: typed)
    if allowed:
        confirm_production(site(production=True), "")
        return
    with pytest.raises(typer.Exit) as stopped:
        confirm_production(site(production=True), "")
    assert stopped.value.exit_code == 2


def test_a_test_site_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: pytest.fail("it asked"))
    confirm_production(site(production=False), "")
