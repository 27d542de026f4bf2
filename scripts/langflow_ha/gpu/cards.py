"""What `nvidia-smi` says of cards, and the metrics that come of it. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from langflow_ha.node.prometheus import gauge, metric

PREFIX = "langflow_ha_gpu"


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric of a card. `factor` makes its unit of that of `nvidia-smi`."""

    name: str
    kind: str
    factor: float
    text: str


_WHO = ("index", "uuid", "name")
_FIGURES = {
    "utilization.gpu [%]": Figure(
        "utilization_ratio", "gauge", 0.01, "Share of the last moments in which the card worked."
    ),
    "memory.used [MiB]": Figure("memory_used_bytes", "gauge", 2**20, "Memory in use."),
    "memory.total [MiB]": Figure("memory_total_bytes", "gauge", 2**20, "Memory of the card."),
    "temperature.gpu": Figure("temperature_celsius", "gauge", 1, "Temperature of the core."),
    "power.draw [W]": Figure("power_watts", "gauge", 1, "Power drawn."),
    "enforced.power.limit [W]": Figure(
        "power_limit_watts", "gauge", 1, "Power that it may draw at most."
    ),
    "ecc.errors.corrected.volatile.total": Figure(
        "corrected_errors_total", "counter", 1, "Errors of memory that were mended."
    ),
    "ecc.errors.uncorrected.volatile.total": Figure(
        "uncorrected_errors_total", "counter", 1, "Errors of memory that were not: a job got them."
    ),
}
"""By the column's title, which has the unit: NVIDIA does not promise that what it prints stays the same."""
_TITLES = (*_WHO, *_FIGURES)
QUERY = ",".join(title.split()[0] for title in _TITLES)


@dataclass(frozen=True, slots=True)
class Card:
    """Who it is. The index may be another after a boot, the UUID is not."""

    index: str
    uuid: str
    model: str


Answer = Mapping[Card, Mapping[str, float]]
"""Each card's figures, by the metric's name. One without any has nothing to say."""


def parse(text: str) -> Answer:
    """Read `nvidia-smi --query-gpu=QUERY --format=csv,nounits`. Raises `ValueError` for another form.

    A lost card has words in the place of figures, or of its UUID: then nothing says which one it was.
    """
    rows = list(csv.reader(text.splitlines(), skipinitialspace=True))
    if not rows or tuple(rows[0]) != _TITLES:
        raise ValueError(f"nvidia-smi: not the columns that were asked for: {text[:200].strip()}")
    found = {}
    for row in rows[1:]:
        values = dict(zip(_TITLES, row, strict=False))
        if len(row) == len(_TITLES) and values["uuid"].startswith("GPU-"):
            found[Card(*row[: len(_WHO)])] = dict(_figures(values))
    return found


def _figures(values: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    for title, figure in _FIGURES.items():
        try:
            yield figure.name, float(values[title]) * figure.factor
        except ValueError:
            # "[N/A]", "[Not Supported]", "[GPU is lost]", "[GPU requires reset]", "[Unknown Error]"
            continue


def learn(known: Iterable[Card], answer: Answer) -> list[Card]:
    """Return every card ever seen on this node, each as it was seen last."""
    cards = {card.uuid: card for card in (*known, *answer)}
    return sorted(cards.values(), key=lambda card: (card.index, card.uuid))


def lines(known: Iterable[Card], answer: Answer | None) -> Iterator[str]:
    """Yield the metrics; `answer` is None when there was none."""
    told = answer or {}
    labels = {c: {"gpu": c.index, "uuid": c.uuid, "model": c.model} for c in (*known, *told)}
    yield from gauge("gpu_readable", "1: nvidia-smi answers.", int(answer is not None))
    up = [("", who, int(bool(told.get(card)))) for card, who in labels.items()]
    yield from metric(f"{PREFIX}_up", "gauge", "1: a card that was ever seen here answers.", up)
    for figure in _FIGURES.values():
        samples = [
            ("", labels[card], figures[figure.name])
            for card, figures in told.items()
            if figure.name in figures
        ]
        if samples:
            yield from metric(f"{PREFIX}_{figure.name}", figure.kind, figure.text, samples)
