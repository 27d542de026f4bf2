"""Tables in a log are not cut to the 80 columns of a terminal that is not there."""

import io
import sys

import pytest
from langflow_ha import terminal


@pytest.fixture(autouse=True)
def a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())


def test_a_log_is_wide() -> None:
    assert terminal.console().width == terminal.LOG_COLUMNS


def test_a_wider_table_has_its_width() -> None:
    assert terminal.console(200).width == 200


def test_the_reader_may_say_how_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert terminal.console().width == 60
