"""The page: figures and pictures put into `templates/drill_report.html.j2`."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from langflow_ha import ROOT
from langflow_ha.drill.record import UNITS
from langflow_ha.drill.report import plot
from langflow_ha.drill.report.figures import report
from langflow_ha.drill.series import TimedRecord

TEMPLATES = ROOT / "templates"


def page(records: Sequence[TimedRecord], site: str, now: float) -> str:
    """Return the report as one HTML page that loads nothing; `now` is seconds since the epoch."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("drill_report.html.j2").render(
        report=report(records, site, now), plot=plot, units=UNITS
    )
