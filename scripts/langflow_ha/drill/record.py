"""What remains of drills: JSON lines, a table for the terminal, a Markdown summary."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.table import Table

from langflow_ha.drill.measure import quantile
from langflow_ha.drill.model import Check, ClassStats, Outcome, Record
from langflow_ha.drill.series import Series, TimedRecord, Timeline

UNITS = {"failed": "requests", "moves": "moves"}
MANY = 10
"""From so many repetitions on the 95th percentile is judged, the maximum below."""


@dataclass(frozen=True, slots=True)
class Summary:
    """All repetitions of one drill, judged together."""

    drill: str
    title: str
    kind: str
    limit: float
    runs: int
    passed: int
    skipped: int
    median: float
    p95: float
    maximum: float
    failed_requests: int
    requests: int
    acknowledged: int
    lost: int
    outcome: Outcome
    reasons: tuple[str, ...]


def summarise(records: Iterable[Record]) -> list[Summary]:
    """Return one summary per drill, in the order of first appearance.

    A drill has failed if a check failed in any repetition, or if the judged figure (p95 of ten or
    more, else the maximum) is over budget. It has passed only if at least one repetition ran and
    none was skipped.
    """
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.drill, []).append(record)
    return [_summary(group) for group in groups.values()]


def _summary(group: Sequence[Record]) -> Summary:
    ran = [r for r in group if r.outcome is not Outcome.SKIPPED]
    figures = [r.measured if r.measured is not None else math.inf for r in ran]
    p95 = quantile(figures, 0.95) if math.inf not in figures else math.inf
    maximum = max(figures, default=math.nan)
    judged = p95 if len(figures) >= MANY else maximum
    if any(not r.safe for r in ran) or (ran and not judged <= group[0].limit):
        outcome = Outcome.FAILED
    elif len(ran) < len(group):
        outcome = Outcome.SKIPPED
    else:
        outcome = Outcome.PASSED
    return Summary(
        drill=group[0].drill,
        title=group[0].title,
        kind=group[0].budget_kind,
        limit=group[0].limit,
        runs=len(ran),
        passed=sum(r.outcome is Outcome.PASSED for r in ran),
        skipped=len(group) - len(ran),
        median=quantile(figures, 0.5) if math.inf not in figures else math.inf,
        p95=p95,
        maximum=maximum,
        failed_requests=sum(stats.failed for r in ran for stats in r.classes.values()),
        requests=sum(stats.total for r in ran for stats in r.classes.values()),
        acknowledged=sum(r.acknowledged for r in ran),
        lost=sum(r.lost for r in ran),
        outcome=outcome,
        reasons=tuple(dict.fromkeys(r.reason for r in group if r.reason)),
    )


def exit_code(summaries: Sequence[Summary]) -> int:
    """Return 1 when a drill failed, 3 when none failed but one was skipped, 0 when all passed."""
    outcomes = {summary.outcome for summary in summaries}
    if Outcome.FAILED in outcomes:
        return 1
    return 3 if Outcome.SKIPPED in outcomes or not outcomes else 0


def figure(value: float, kind: str) -> str:
    """Return a figure for people: seconds with two digits, counts plain, "-" for none."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "never"
    return f"{value:.0f}" if kind in UNITS else f"{value:.2f} s"


def table(summaries: Sequence[Summary]) -> Table:
    """Return the table for the terminal; it fits 80 columns, and a longer figure is folded, never cut."""
    result = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    result.add_column("drill\nbudget", overflow="fold")
    for name in ("median", "p95", "max", "failed\n/total", "lost\n/acked", "passed\n/runs"):
        result.add_column(name, justify="right", overflow="fold")
    result.add_column("verdict", overflow="fold")
    for s in summaries:
        colour = {Outcome.PASSED: "green", Outcome.FAILED: "bold red"}.get(s.outcome, "yellow")
        verdict = {Outcome.PASSED: "PASS", Outcome.FAILED: "FAIL"}.get(s.outcome, "SKIPPED")
        drill, *figures, budget, failed, lost, passed = _cells(s)
        cells = [f"{drill}\n  {budget}", *figures, failed, lost, passed]
        result.add_row(*cells, f"[{colour}]{verdict}[/]")
    return result


def _cells(s: Summary) -> list[str]:
    return [
        s.drill,
        figure(s.median, s.kind),
        figure(s.p95, s.kind),
        figure(s.maximum, s.kind),
        f"{s.kind} {figure(s.limit, s.kind)}",
        f"{s.failed_requests}/{s.requests}",
        f"{s.lost}/{s.acknowledged}",
        f"{s.passed}/{s.runs}",
    ]


def markdown(summaries: Sequence[Summary], site: str) -> str:
    """Return the summary as a Markdown page."""
    lines = [
        f"# Drills of {site}",
        "",
        f"Made {time.strftime('%Y-%m-%d %H:%M:%S %Z')}. Judged: p95 of {MANY} or more runs, else the maximum.",
        "",
        "| drill | what breaks | median | p95 | max | budget | failed/total | lost/acknowledged | passed | verdict |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for s in summaries:
        cells = _cells(s)
        cells.insert(1, s.title)
        lines.append(f"| {' | '.join(cells)} | {s.outcome.upper()} |")
    notes = [f"- {s.drill}: {reason}" for s in summaries for reason in s.reasons]
    return "\n".join([*lines, *(["", "## Not as it should be", "", *notes] if notes else []), ""])


class Journal:
    """Appends records to `<directory>/drills.jsonl`, one JSON object a line."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "drills.jsonl"

    def add(self, record: Record) -> None:
        """Write one record and flush it: a later crash must not take it away."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(record)) + "\n")

    def read(self) -> list[TimedRecord]:
        """Return all records, oldest first; [] when there are none yet.

        A line that is no record (cut off by a crash) is left out: what is known of the other
        drills must not depend on it.
        """
        if not self.file.exists():
            return []
        found = (_record(line) for line in self.file.read_text("utf-8").splitlines())
        return [record for record in found if record is not None]


def _record(line: str) -> TimedRecord | None:
    try:
        data = json.loads(line)
        return TimedRecord(
            **_known(TimedRecord, data)
            | {
                "outcome": Outcome(data["outcome"]),
                "targets": tuple(data.get("targets", ())),
                "classes": {
                    cls: ClassStats(**_known(ClassStats, stats))
                    for cls, stats in data.get("classes", {}).items()
                },
                "checks": tuple(Check(**_known(Check, c)) for c in data.get("checks", ())),
                "owners": _holders(data.get("owners", ())),
                "writable": _holders(data.get("writable", ())),
                "masters": _holders(data.get("masters", ())),
                "timeline": _timeline(data.get("timeline", {})),
            }
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _known(kind: type[Any], data: dict[str, Any]) -> dict[str, Any]:
    """Return the values that this release has fields for: records outlive releases."""
    names = {f.name for f in fields(kind)}
    return {name: value for name, value in data.items() if name in names}


def _holders(line: Iterable[Any]) -> tuple[tuple[float, tuple[str, ...]], ...]:
    return tuple((float(at), tuple(names)) for at, names in line)


def _timeline(data: dict[str, Any]) -> Timeline:
    classes = {
        cls: Series(tuple(series["ok"]), tuple(series["failed"]))
        for cls, series in data.get("classes", {}).items()
    }
    return Timeline(**_known(Timeline, data) | {"classes": classes})


def runs(records: Iterable[TimedRecord]) -> dict[str, list[list[TimedRecord]]]:
    """Return the runs of each drill, each the list of its repetitions, oldest first.

    A run's repetitions are numbered from 1, so one whose number is not higher begins another run.
    """
    found: dict[str, list[list[TimedRecord]]] = {}
    for record in records:
        mine = found.setdefault(record.drill, [])
        if not mine or record.repetition <= mine[-1][-1].repetition:
            mine.append([])
        mine[-1].append(record)
    return found


def latest(records: Iterable[TimedRecord]) -> list[TimedRecord]:
    """Return of each drill the records of its last run, oldest first."""
    return [record for each in runs(records).values() for record in each[-1]]
