"""Metrics in Prometheus' text format. What the kit tells of itself is named `langflow_ha_…`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

Sample = tuple[str, Mapping[str, str], float]
"""What follows the metric's name ("_bucket", ""), labels, value."""


def page(lines: Iterable[str]) -> bytes:
    """Return the lines as a page."""
    return "".join(f"{line}\n" for line in lines).encode()


def gauge(name: str, text: str, value: float) -> Iterator[str]:
    """Yield the lines of a gauge."""
    yield from metric(f"langflow_ha_{name}", "gauge", text, [("", {}, value)])


def counter(name: str, text: str, value: float) -> Iterator[str]:
    """Yield the lines of a counter."""
    yield from metric(f"langflow_ha_{name}", "counter", text, [("", {}, value)])


def family(
    name: str, kind: str, text: str, label: str, values: dict[str, bool] | dict[str, int]
) -> Iterator[str]:
    """Yield the lines of a metric that has one label, by the label's values."""
    samples = [("", {label: key}, value) for key, value in sorted(values.items())]
    yield from metric(f"langflow_ha_{name}", kind, text, samples)


def metric(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    """Yield the lines of any metric by its full name."""
    yield from (f"# HELP {name} {text}", f"# TYPE {name} {kind}")
    for suffix, labels, value in samples:
        yield f"{name}{suffix}{_labels(labels)} {_number(value)}"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return f"{int(value)}" if isinstance(value, int) else f"{value:.15g}"
