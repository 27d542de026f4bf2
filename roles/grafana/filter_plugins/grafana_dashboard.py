"""From a short description of a dashboard to what Grafana reads: layout, ids and repetition are made here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

WIDTH = 24
"""Columns of Grafana's grid."""
HEIGHT = {"stat": 4, "timeseries": 8, "table": 9}
SOURCE = {"type": "prometheus", "uid": "${source}"}


def grafana_dashboard(described: dict[str, Any]) -> dict[str, Any]:
    """Return the dashboard's JSON model.

    `described` has `uid`, `title`, `rows` (each a `title` and `panels` that share its width) and perhaps `choices`: name
    of a variable → PromQL that finds its values. A panel has `title`, `queries` (legend → PromQL) and perhaps `kind` (timeseries,
    stat, table), `unit`, `max`, and `empty`: what it says when there is rightly nothing to show.
    """
    return {
        "uid": described["uid"],
        "title": described["title"],
        "tags": ["langflow-ha"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": described.get("since", "now-6h"), "to": "now"},
        "links": [
            {"type": "dashboards", "tags": ["langflow-ha"], "title": "LangFlow", "asDropdown": True}
        ],
        "templating": {"list": list(_variables(described.get("choices", {})))},
        "panels": list(_panels(described["rows"])),
    }


def _variables(choices: dict[str, str]) -> Iterator[dict[str, Any]]:
    yield {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    for name, query in choices.items():
        yield {
            "name": name,
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": query, "refId": name},
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        }


def _panels(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for row in rows:
        number += 1
        place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        yield {"id": number, "type": "row", "title": row["title"], "gridPos": place, "panels": []}
        width = WIDTH // len(row["panels"])
        height = max(HEIGHT[panel.get("kind", "timeseries")] for panel in row["panels"])
        for column, panel in enumerate(row["panels"]):
            number += 1
            place = {"x": column * width, "y": top + 1, "w": width, "h": height}
            yield {"id": number, "gridPos": place, **_panel(panel)}
        top += 1 + height


def _panel(panel: dict[str, Any]) -> dict[str, Any]:
    kind = panel.get("kind", "timeseries")
    defaults = {"unit": panel.get("unit", "short"), "noValue": panel.get("empty", "no data")}
    if kind == "timeseries":
        defaults["min"] = 0
    if "max" in panel:
        defaults["max"] = panel["max"]
    return {
        "type": kind,
        "title": panel["title"],
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}}
        if kind == "timeseries"
        else {},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend,
                "instant": kind != "timeseries",
                "range": kind == "timeseries",
                "format": "table" if kind == "table" else "time_series",
            }
            for index, (legend, expression) in enumerate(panel["queries"].items())
        ],
    }


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {"grafana_dashboard": grafana_dashboard}
