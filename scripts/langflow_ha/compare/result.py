"""Puts the two recipes side by side. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table

from langflow_ha.drill.measure import IDEMPOTENT, quantile
from langflow_ha.drill.model import Outcome, Record


@dataclass(frozen=True, slots=True)
class Row:
    """One drill under both recipes: medians over the repetitions."""

    drill: str
    kind: str
    plain: float
    kit: float
    plain_failed: int
    kit_failed: int
    plain_total: int
    kit_total: int

    @property
    def ratio(self) -> float:
        """How many times worse the plain recipe was; NaN when there is nothing to compare."""
        if math.isnan(self.plain) or math.isnan(self.kit):
            return math.nan
        if self.kit == 0:
            return 1.0 if self.plain == 0 else math.inf
        return self.plain / self.kit


def _median(records: Sequence[Record]) -> float:
    return quantile([r.measured for r in records if r.measured is not None], 0.5)


def _failed(records: Sequence[Record]) -> tuple[int, int]:
    stats = [s for r in records for cls, s in r.classes.items() if cls in IDEMPOTENT]
    return sum(s.failed for s in stats), sum(s.total for s in stats)


def rows(plain: Iterable[Record], kit: Iterable[Record]) -> list[Row]:
    """Return a row per drill that ran; a skipped one has NaN for its figure."""
    first = [r for r in plain if r.outcome is not Outcome.SKIPPED]
    second = [r for r in kit if r.outcome is not Outcome.SKIPPED]
    found = []
    for drill in dict.fromkeys(r.drill for r in (*second, *first)):
        a = [r for r in first if r.drill == drill]
        b = [r for r in second if r.drill == drill]
        (a_failed, a_total), (b_failed, b_total) = _failed(a), _failed(b)
        kind = (a or b)[0].budget_kind
        found.append(Row(drill, kind, _median(a), _median(b), a_failed, b_failed, a_total, b_total))
    return found


def figure(value: float, kind: str) -> str:
    """Return a figure for people."""
    if math.isnan(value):
        return "-"
    return f"{value:.0f} failed" if kind == "failed" else f"{value:.2f} s"


def ratio(row: Row) -> str:
    """Return the ratio for people: "3.1x"."""
    if math.isnan(row.ratio):
        return "-"
    return "none with the kit" if math.isinf(row.ratio) else f"{row.ratio:.1f}x"


def table(found: Sequence[Row]) -> Table:
    """Return the table for the terminal."""
    shown = Table(
        title="Plain recipe against the kit (medians)", title_justify="left", pad_edge=False
    )
    for name in ("drill", "measured"):
        shown.add_column(name, no_wrap=True)
    for name in ("plain", "kit", "ratio", "plain failed", "kit failed"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in found:
        shown.add_row(
            row.drill,
            row.kind,
            figure(row.plain, row.kind),
            figure(row.kit, row.kind),
            ratio(row),
            f"{row.plain_failed}/{row.plain_total}",
            f"{row.kit_failed}/{row.kit_total}",
        )
    return shown
