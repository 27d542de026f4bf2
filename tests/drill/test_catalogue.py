"""The table in docs/drills.md says what the catalogue does, no more and no less."""

from __future__ import annotations

from langflow_ha import ROOT
from langflow_ha.drill.catalogue import CATALOGUE
from langflow_ha.drill.faults import FAULTS
from langflow_ha.drill.load import HEAVY
from langflow_ha.drill.model import Budget, BudgetKind

SECTIONS = {"A": 7, "L": 9, "D": 14, "R": 4, "S": 3, "N": 2, "O": 3, "B": 3, "X": 3, "U": 2}
"""How many faults each section of the project's catalogue has."""


def shown(budget: Budget) -> str:
    classes = ", ".join(budget.classes)
    if budget.kind is BudgetKind.FAILED:
        return f"{budget.limit:g} failed {classes}"
    unit = [] if budget.kind is BudgetKind.MOVES else ["s"]
    return " ".join([budget.kind, *([classes] if classes else []), f"{budget.limit:g}", *unit])


def table() -> list[list[str]]:
    page = (ROOT / "docs/drills.md").read_text("utf-8").split("## The catalogue")[1]
    lines = page.split("\n## ")[0].splitlines()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"
    ]
    assert rows[0][:4] == ["row", "drill", "fault", "budget"]
    return rows[2:]


def test_every_drill_has_its_row_and_every_row_its_drill() -> None:
    documented = {tuple(row[:4]) for row in table() if row[1] != "-"}
    drills = {
        (
            drill.row or "-",
            f"`{drill.id}`" + (f" ({drill.profile})" if drill.profile != "short" else ""),
            drill.title,
            shown(drill.budget),
        )
        for drill in CATALOGUE
    }
    assert sorted(documented ^ drills) == []


def test_a_row_without_a_drill_has_a_reason_and_one_with_a_drill_a_figure() -> None:
    for row, drill, fault, _, last in table():
        assert fault and last, row
        assert (last == "not measured yet" or last[:1].isdigit()) is (drill != "-"), (row, last)


def test_every_fault_of_the_catalogue_is_accounted_for() -> None:
    wanted = {f"{letter}{i + 1}" for letter, count in SECTIONS.items() for i in range(count)}
    found = [id_ for row, *_ in table() for id_ in row.split() if id_ != "-"]
    assert set(found) == wanted
    without = [row for row, drill, *_ in table() if drill == "-"]
    assert not {id_ for id_ in without if found.count(id_) > 1}


def test_no_fault_is_without_a_drill() -> None:
    assert set(FAULTS) == {drill.fault for drill in CATALOGUE}


def test_a_gap_of_ui_is_asked_for_only_where_ui_is_sent_often() -> None:
    coarse = {
        drill.id
        for drill in CATALOGUE
        if drill.budget.kind is BudgetKind.GAP
        and "ui" in drill.budget.classes
        and HEAVY.intersection(drill.classes)
    }

    assert coarse == set()
