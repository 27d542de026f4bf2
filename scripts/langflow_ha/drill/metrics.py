"""The last run of each drill as Prometheus metrics, for the node exporter's textfile collector. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from langflow_ha.drill.model import Outcome
from langflow_ha.drill.record import MANY, UNITS, Summary, latest, runs, summarise
from langflow_ha.drill.series import TimedRecord

PREFIX = "langflow_ha_drill_"


def file_name(site: str) -> str:
    """Return the name of the site's file; the collector reads only names that end in `.prom`."""
    return f"langflow_ha_drill_{''.join(c if c.isalnum() or c in '-_' else '_' for c in site)}.prom"


def escaped(value: str) -> str:
    """Return a label's value as the text format wants it."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def number(value: float) -> str:
    """Return a value as the text format wants it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.3f}".rstrip("0").rstrip(".")


def judged(summary: Summary) -> float:
    """Return the figure that the verdict rests on; NaN when nothing ran."""
    return summary.p95 if summary.runs >= MANY else summary.maximum


def exposition(records: Sequence[TimedRecord], site: str) -> str:
    """Return the metrics of every drill that has ever been run on the site, as text format 0.0.4.

    A drill that was skipped has no success: an alert on `success != 1` catches it too. Drills
    judged by a count have `_requests` instead of `_seconds`.
    """
    summaries = summarise(latest(records))
    timed = [s for s in summaries if s.kind not in UNITS]
    counted = [s for s in summaries if s.kind in UNITS]
    began = {drill: past[-1][0].started for drill, past in runs(records).items()}
    good = {
        drill: max((run[0].started for run in past if _passed(run)), default=0.0)
        for drill, past in runs(records).items()
    }

    def family(
        name: str, text: str, of: Sequence[Summary], value: Callable[[Summary], float]
    ) -> Iterator[str]:
        if not of:
            return
        yield f"# HELP {PREFIX}{name} {text}"
        yield f"# TYPE {PREFIX}{name} gauge"
        for s in of:
            labels = f'site="{escaped(site)}",drill="{escaped(s.drill)}",kind="{escaped(s.kind)}"'
            yield f"{PREFIX}{name}{{{labels}}} {number(value(s))}"

    ran = [s for s in timed if s.runs], [s for s in counted if s.runs]
    lines = [
        *family("measured_seconds", "Judged figure of the last run.", ran[0], judged),
        *family("budget_seconds", "Most that the drill may measure.", timed, lambda s: s.limit),
        *family("measured_requests", "Judged count of the last run.", ran[1], judged),
        *family("budget_requests", "Most that the drill may count.", counted, lambda s: s.limit),
        *family(
            "success",
            "1 when the last run passed; 0 when it failed or was skipped.",
            summaries,
            lambda s: float(s.outcome is Outcome.PASSED),
        ),
        *family(
            "skipped",
            "1 when a repetition of the last run was skipped.",
            summaries,
            lambda s: float(s.skipped > 0),
        ),
        *family(
            "lost_writes",
            "Acknowledged writes that the last run lost.",
            summaries,
            lambda s: float(s.lost),
        ),
        *family(
            "last_run_timestamp_seconds",
            "When the last run began.",
            summaries,
            lambda s: began[s.drill],
        ),
        *family(
            "last_success_timestamp_seconds",
            "When the last run that passed began; 0: never.",
            summaries,
            lambda s: good[s.drill],
        ),
    ]
    return "".join(f"{line}\n" for line in lines)


def _passed(run: Sequence[TimedRecord]) -> bool:
    return all(summary.outcome is Outcome.PASSED for summary in summarise(run))
