"""What LangFlow's own check says of a restored database, as part of the proof of a backup."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from keeper_helpers import FakeRun, configured
from langflow_ha.keeper import prove
from langflow_ha.keeper.prove import Proof, langflows_verdict
from langflow_ha.keeper.shell import Done
from langflow_ha.keeper.stock import Stock

OLD = "│ No such command 'check-integrity'. │"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "langflow.env"
    file.write_text("LANGFLOW_DATABASE_URL=postgresql://langflow:x@127.0.0.1:5432/langflow\n")
    admin = tmp_path / "langflow-admin"
    admin.touch()
    monkeypatch.setattr(prove, "ENVIRONMENT", file)
    monkeypatch.setattr(prove, "ADMIN", str(admin))
    return file


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Done(0, "clean", ""), ""),
        (Done(1, "2 flows without an owner", ""), "2 flows without an owner"),
        (Done(3, "", ""), "exit 3"),
        (Done(2, "", OLD), None),
    ],
)
def test_the_scratch_server_is_asked(
    tmp_path: Path, settings: Path, answer: Done, verdict: str | None
) -> None:
    asked: list[str] = []

    def run(argv: Sequence[str], **_: Any) -> Done:
        asked.append(Path(argv[2]).read_text())
        assert list(argv[3:]) == ["check-integrity"]
        return answer

    assert langflows_verdict(Stock(configured(tmp_path), run)) == verdict
    assert asked == [settings.read_text().replace(":5432/", ":5499/")]
    assert not (tmp_path / "integrity.env").exists(), "it has the database's password"


@pytest.mark.parametrize("absent", ["langflow.env", "langflow-admin"])
def test_a_node_without_langflow_asks_nobody(tmp_path: Path, settings: Path, absent: str) -> None:
    (settings.parent / absent).unlink()
    run = FakeRun({})
    assert langflows_verdict(Stock(configured(tmp_path), run)) is None
    assert run.asked == []


@pytest.mark.parametrize(("verdict", "passed"), [("", True), (None, True), ("broken", False)])
def test_what_was_not_asked_is_told_and_fails_nothing(verdict: str | None, passed: bool) -> None:
    data = Proof("point", "B1", 6, 10, 1000, 1.0, (), verdict).as_data(0)
    assert data["passed"] is passed
    assert data["integrity"].startswith(("clean", "broken", "not run"))
