from __future__ import annotations

from importlib import import_module

import pytest
from langflow_ha.cli import SUBCOMMANDS, app
from typer.testing import CliRunner


@pytest.mark.parametrize("module", SUBCOMMANDS.values())
def test_every_sub_command_can_be_imported(module: str) -> None:
    assert import_module(module).app is not None


def test_help_lists_every_sub_command() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert all(name in result.output for name in SUBCOMMANDS)


def test_an_unknown_lab_is_an_error_with_a_way_out() -> None:
    result = CliRunner().invoke(app, ["lab", "info", "--name", "no-such-lab"])
    assert result.exit_code == 1
    assert "langflow-ha lab list" in result.output
