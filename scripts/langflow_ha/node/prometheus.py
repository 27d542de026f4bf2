"""Metrics in Prometheus' text format, all named `langflow_ha_…`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def page(lines: Iterable[str]) -> bytes:
    """Return the lines as a page."""
    return "".join(f"{line}\n" for line in lines).encode()


def gauge(name: str, text: str, value: float) -> Iterator[str]:
    """Yield the lines of a gauge."""
    yield from _one(name, "gauge", text, value)


def counter(name: str, text: str, value: float) -> Iterator[str]:
    """Yield the lines of a counter."""
    yield from _one(name, "counter", text, value)


def _one(name: str, kind: str, text: str, value: float) -> Iterator[str]:
    metric = f"langflow_ha_{name}"
    yield from (f"# HELP {metric} {text}", f"# TYPE {metric} {kind}", f"{metric} {_number(value)}")


def family(
    name: str, kind: str, text: str, label: str, values: dict[str, bool] | dict[str, int]
) -> Iterator[str]:
    """Yield the lines of a metric that has one label, by the label's values."""
    metric = f"langflow_ha_{name}"
    yield from (f"# HELP {metric} {text}", f"# TYPE {metric} {kind}")
    for key, value in sorted(values.items()):
        yield f'{metric}{{{label}="{key}"}} {_number(value)}'


def _number(value: float) -> str:
    return f"{int(value)}" if isinstance(value, bool) else f"{value:g}"
