"""docs/reference.md is what the argument specs say."""

from __future__ import annotations

from langflow_ha.preflight.specs import Option, Specs, load_specs
from langflow_ha.reference.cli import FILE, app
from langflow_ha.reference.render import reference
from typer.testing import CliRunner


def test_reference_is_fresh() -> None:
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 0, result.output


def test_every_variable_is_in_it() -> None:
    text = FILE.read_text("utf-8")
    assert [name for name in load_specs().names() if f"| `{name}` |" not in text] == []


def test_cells_are_escaped_and_choices_listed() -> None:
    option = Option("x_y", "str", "One|two.", has_default=True, default="", choices=("a", "b"))
    empty: dict[str, dict[str, Option]] = {"site": {}, "host": {}, "secrets": {}}
    text = reference(Specs({"preflight": empty, "x": {"main": {"x_y": option}}}))
    assert '| `x_y` | str | `""` | One\\|two. One of: `a`, `b`. |' in text
