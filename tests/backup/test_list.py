from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from langflow_ha.backup import cli
from langflow_ha.backup.gather import NoAnswer, ask
from langflow_ha.backup.render import page, size, when
from langflow_ha.status.remote import Completed, RemoteError
from langflow_ha.status.site import Node, Site
from langflow_ha.status.words import age
from rich.console import Console
from typer.testing import CliRunner

AT = 1795561936.0
BACKUP = {
    "kind": "database",
    "label": "20261124-231205F",
    "at": AT - 7200,
    "size": 45327971,
    "stored": 8912896,
    "type": "full",
    "seconds": 4.0,
}


def told(**changes: Any) -> dict[str, Any]:
    return {
        "at": AT,
        "states": [],
        "problems": [],
        "complaints": [],
        "backups": [BACKUP],
        "proof": {},
    } | changes


def site(*groups: str) -> Site:
    nodes = tuple(
        Node(f"n{i}", f"198.18.50.1{i}", "", frozenset({group}), ("ssh",), sudo=False)
        for i, group in enumerate(groups, start=1)
    )
    return Site("blue", Path(), nodes, "", "", "", None, "", {}, False, "", None)


class FakeRemote:
    """Answers by node's name; None raises."""

    def __init__(self, **answers: Completed | None) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def run(self, node: Node, script: str, *, timeout: float = 20.0) -> Completed:
        self.asked.append(node.name)
        answer = self.answers[node.name]
        if answer is None:
            raise RemoteError("no answer within 120 s")
        return answer


def test_the_first_database_node_that_answers_counts() -> None:
    remote = FakeRemote(n2=None, n3=Completed(0, json.dumps(told()), ""))
    where = site("langflow", "postgresql", "postgresql", "postgresql")
    node, answer = asyncio.run(ask(where, remote))  # type: ignore[arg-type]
    assert (node, answer["at"]) == ("n3", AT)
    assert remote.asked == ["n2", "n3"]


def test_nobody_answers() -> None:
    remote = FakeRemote(n1=None, n2=Completed(127, "", "command not found"))
    with pytest.raises(NoAnswer, match=r"n1: no answer.*n2: makes no backups; set backup_target"):
        asyncio.run(ask(site("postgresql", "postgresql"), remote))  # type: ignore[arg-type]


def shown(**changes: Any) -> str:
    console = Console(width=120, highlight=False)
    with console.capture() as capture:
        console.print(page(told(**changes), "n1"))
    return capture.get()


def test_page() -> None:
    text = shown(
        proof={"passed": True, "at": AT - 86400 * 3, "backup": "x", "bytes": 1, "seconds": 6.1}
    )
    assert (
        "database full  20261124-231205F  2026-11-24 21:12:16+00:00  2 h  43.2 MiB  8.5 MiB  4 s"
        in text
    )
    assert "last proof here: passed 3 days ago" in text
    assert "young enough" in text
    bad = shown(complaints=["there is no backup of the files"])
    assert "wrong: there is no backup of the files" in bad
    assert "young enough" not in bad


@pytest.mark.parametrize(("problems", "code"), [([], 0), (["x"], 1)])
def test_exit_code(monkeypatch: pytest.MonkeyPatch, problems: list[str], code: int) -> None:
    async def answer(*_: object) -> tuple[str, dict[str, Any]]:
        return "n1", told(problems=problems)

    monkeypatch.setattr(cli, "site_or_exit", lambda *_: site("postgresql"))
    monkeypatch.setattr(cli, "ask", answer)
    result = CliRunner().invoke(cli.app, ["list", "--json"])
    assert result.exit_code == code
    assert json.loads(result.output)["node"] == "n1"


def test_exit_code_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(*_: object) -> tuple[str, dict[str, Any]]:
        raise NoAnswer("n1: makes no backups")

    monkeypatch.setattr(cli, "site_or_exit", lambda *_: site("postgresql"))
    monkeypatch.setattr(cli, "ask", answer)
    assert CliRunner().invoke(cli.app, ["list"]).exit_code == 2


def test_figures_for_people() -> None:
    assert [size(0), size(1023), size(2**20), size(5 * 2**40)] == [
        "0 B",
        "1023 B",
        "1.0 MiB",
        "5.0 TiB",
    ]
    assert [age(90), age(3 * 3600), age(72 * 3600)] == ["2 min", "3 h", "3 days"]
    assert when(0) == "1970-01-01 00:00:00+00:00"
