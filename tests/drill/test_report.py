"""The report: its figures, its pictures by their geometry, and the page as a parser sees it."""

from __future__ import annotations

import math
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from langflow_ha.drill.catalogue import CATALOGUE
from langflow_ha.drill.judge import Evidence, checks
from langflow_ha.drill.model import Check, Outcome
from langflow_ha.drill.publish import write_atomically
from langflow_ha.drill.report import plot
from langflow_ha.drill.report.figures import (
    COLUMNS,
    OWNER_CHECK,
    WRITABLE_CHECKS,
    axis,
    report,
    timeline_figure,
    track,
)
from langflow_ha.drill.report.render import page
from langflow_ha.drill.series import Series, TimedRecord, Timeline

HOSTILE = "</td><script>alert(1)</script><img src=x onerror='alert(2)'>&\"'"
NOW = 1_800_000_000.0
VOID = {"meta", "br", "img", "link", "hr", "input"}
NUMBER = r"-?\d+(?:\.\d+)?"


def record(repetition: int = 1, **changes: object) -> TimedRecord:
    base = TimedRecord(
        "vip-power", "The VIP holder loses power", repetition, "t", NOW - 600, Outcome.PASSED,
        targets=("n1",), fault_at=NOW - 597, undo_at=NOW - 589, measured=0.8, budget_kind="gap",
        limit=1.5, within_budget=True, safe=True, steady_s=4.0, acknowledged=30,
        owners=((-2.0, ("n1",)), (0.1, ()), (0.8, ("n2",))),
        writable=((-2.0, ("n3",)),),
        timeline=Timeline(
            -3.0, 0.1, {"ui": Series((2,) * 30 + (0,) * 8 + (2,) * 122, (0,) * 31 + (2,) * 7 + (0,) * 122)}
        ),
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


class Page(HTMLParser):
    """Collects what a browser would see, and every tag that is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(records: list[TimedRecord]) -> Page:
    found = Page(page(records, "demo", NOW))
    assert found.wrong == []
    assert found.open == []
    return found


MANY = [record(n, started=NOW - 86400 * d + n) for d in (90, 60, 30) for n in (1, 2, 3)]
SKIPPED = record(drill="valkey-power", outcome=Outcome.SKIPPED, reason="no master", measured=None,
                 timeline=Timeline(), owners=(), writable=(), safe=False)  # fmt: skip


@pytest.mark.parametrize(
    "records",
    [
        [],
        [record()],
        [SKIPPED],
        MANY,
        [*MANY, SKIPPED, record(drill="none", budget_kind="failed", measured=0.0, limit=0.0)],
        [record(measured=None, outcome=Outcome.FAILED), record(2, measured=math.inf)],
        [record(steady_s=None, timeline=Timeline(), checks=())],
        [record(owners=((-2.0, ("n1", "n2")), (0.0, tuple(f"n{i}" for i in range(9)))))],
    ],
)
def test_every_page_is_whole_and_loads_nothing(records: list[TimedRecord]) -> None:
    found = parsed(records)
    assert not {"script", "img", "link", "iframe", "object", "image", "use"} & {
        t for t, _ in found.tags
    }
    for _, attributes in found.tags:
        assert not {"src", "srcset", "style", "onclick", "onerror", "onload"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")
    text = page(records, "demo", NOW)
    assert (
        "url(" not in text
        and "@import" not in text
        and "http" not in text.replace("http-equiv", "")
    )
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in found.tags:
        named = (attributes.get("aria-labelledby") or "").split()
        assert set(named) <= set(ids)
    assert "nan" not in text.lower().replace("nanmed", "")
    assert not re.search(r"\binf\b", text)


def test_an_empty_history_says_what_to_do() -> None:
    assert "langflow-ha drill run" in parsed([]).text


@pytest.mark.parametrize("field", ["drill", "title", "reason"])
def test_hostile_text_stays_text(field: str) -> None:
    changes: Any = {field: HOSTILE}
    found = parsed([replace(record(outcome=Outcome.FAILED), **changes)])
    assert "<script>alert(1)</script>" in found.text
    assert {"script", "img"} & {tag for tag, _ in found.tags} == set()


def test_hostile_names_in_pictures_stay_text() -> None:
    line = Timeline(-1.0, 0.1, {HOSTILE: Series((1,) * 200, (0,) * 200)})
    found = parsed([record(targets=(HOSTILE,), owners=((-1.0, (HOSTILE,)),), timeline=line)])
    assert {"script", "img"} & {tag for tag, _ in found.tags} == set()
    assert found.text.count("<script>alert(1)</script>") >= 3
    assert Page(page([record()], HOSTILE, NOW)).text.count("<script>") == 2


def test_the_last_run_is_judged_and_the_others_are_history() -> None:
    (section,) = report([record(measured=9.0), record(measured=0.5)], "demo", NOW).sections
    assert (section.verdict, section.maximum) == ("passed", "0.50 s")
    assert section.history is not None
    assert [point.value for point in section.history.points] == [9.0, 0.5]
    assert [run.judged for run in section.history.runs] == ["0.50 s", "9.00 s"]


@pytest.mark.parametrize("name", WRITABLE_CHECKS)
@pytest.mark.parametrize("one", [True, False])
def test_losses_and_wrong_owners_are_counted(name: str, one: bool) -> None:
    broken = (Check(OWNER_CHECK, ok=False), Check(name, ok=one))
    (section,) = report(
        [record(), record(2, checks=broken, lost=2, safe=False, outcome=Outcome.FAILED)],
        "demo",
        NOW,
    ).sections
    assert (section.owners_wrong, section.writable_wrong, section.lost) == (1, int(not one), 2)
    assert section.verdict == "failed"


def test_the_names_of_the_counted_checks_are_the_judges() -> None:
    names = {
        c.name
        for drill in CATALOGUE
        if drill.id in ("none", "host-freeze-3")
        for c in checks(
            Evidence(drill, "t", 1, 0.0, (), frozenset({"n1"}), frozenset(), 0.0, 1.0, 2.0, 1.0)
        )
    }
    assert {OWNER_CHECK, *WRITABLE_CHECKS} <= names


def test_skipped_is_counted_as_neither() -> None:
    found = report([record(), SKIPPED], "demo", NOW)
    assert (found.passed, found.failed, found.skipped) == (1, 0, 1)
    assert found.sections[1].history is None
    assert "no master" in parsed([SKIPPED]).text


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.725, (0.0, 0.5, 1.0, 1.5)),
        (-3.0, 30.0, (0.0, 10.0, 20.0, 30.0)),
        (0.0, 0.0, (0.0, 0.5, 1.0)),
        (0.0, 690.0, (0.0, 200.0, 400.0, 600.0)),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: tuple[float, ...]) -> None:
    assert axis(low, high, 4 if high else 2).ticks == ticks


def test_holders_are_cut_to_the_picture_and_named() -> None:
    found = track("VIP", ((-9.0, ("n1",)), (0.5, ()), (0.8, ("n2",)), (70.0, ("n3",))), -3.0, 10.0)
    assert [(h.start, h.end, h.names) for h in found.holds] == [
        (-3.0, 0.5, ("n1",)), (0.5, 0.8, ()), (0.8, 10.0, ("n2",)),
    ]  # fmt: skip
    assert found.text == "VIP: n1 from -3.0 s; nobody from +0.5 s; n2 from +0.8 s"


@pytest.mark.parametrize("buckets", [1, 299, 300, 301, 1200])
def test_columns_are_bounded_and_lose_no_request(buckets: int) -> None:
    line = Timeline(-3.0, 0.1, {"ui": Series((2,) * buckets, (0,) * buckets)})
    figure = timeline_figure(record(timeline=line), ("n1",))
    assert figure is not None
    (lane,) = figure.lanes
    assert len(lane.ok) <= COLUMNS
    assert sum(lane.ok) * figure.column_s == pytest.approx(2 * buckets)
    assert "ui: " + str(2 * buckets) + " succeeded, 0 failed" == lane.text


def numbers(svg: ElementTree.Element) -> tuple[list[float], list[float]]:
    """Return every x and y that a picture uses."""
    xs, ys = [], []
    for element in svg.iter():
        for name in ("x", "x1", "x2", "cx"):
            if name in element.attrib:
                xs.append(float(element.attrib[name]))
        for name in ("y", "y1", "y2", "cy"):
            if name in element.attrib:
                ys.append(float(element.attrib[name]))
        if "width" in element.attrib:
            xs.append(float(element.attrib["x"]) + float(element.attrib["width"]))
            ys.append(float(element.attrib["y"]) + float(element.attrib["height"]))
        for x, y in re.findall(rf"M({NUMBER}) ({NUMBER})", element.get("d", "")):
            xs.append(float(x))
            ys.append(float(y))
        xs += [float(x) for x in re.findall(rf"H({NUMBER})", element.get("d", ""))]
        ys += [float(y) for y in re.findall(rf"V({NUMBER})", element.get("d", ""))]
    return xs, ys


@pytest.mark.parametrize(
    "made", [record(), record(owners=((-2.0, ("n1", "n2")),)), record(steady_s=500.0)]
)
def test_a_timeline_stays_inside_its_picture(made: TimedRecord) -> None:
    figure = timeline_figure(made, ("n1", "n2", "n3"))
    assert figure is not None
    svg = ElementTree.fromstring(plot.timeline(figure, "a", "t"))
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    xs, ys = numbers(svg)
    assert min(xs) >= 0 and max(xs) <= width
    assert min(ys) >= 0 and max(ys) <= height


def test_a_timeline_shows_the_outage_where_it_was() -> None:
    figure = timeline_figure(record(), ("n1", "n2", "n3"))
    assert figure is not None
    svg = ElementTree.fromstring(plot.timeline(figure, "a", "t"))
    (bad,) = (e for e in svg.iter("path") if e.get("class") == "bad")
    left, right = (float(x) for x in re.findall(rf"[MH]({NUMBER})", bad.attrib["d"]))
    fault = plot.across(figure.axis, 0.0)
    second = plot.PLOT / 16
    assert left == pytest.approx(fault + 0.1 * second, abs=0.2)
    assert right == pytest.approx(fault + 0.8 * second, abs=0.2)
    text = svg.findtext("desc") or ""
    assert "ui: 304 succeeded, 14 failed (from +0.1 s to +0.8 s)" in text
    assert "VIP: n1 from -2.0 s; nobody from +0.1 s; n2 from +0.8 s" in text
    assert "fault at +0.0 s; undo at +8.0 s; steady at +12.0 s" in text


def test_a_history_puts_what_is_over_the_budget_above_its_line() -> None:
    past = [
        record(measured=0.5, started=NOW - 9e6),
        record(measured=3.0, outcome=Outcome.FAILED),
        record(measured=None, outcome=Outcome.FAILED),
    ]
    (section,) = report(past, "demo", NOW).sections
    assert section.history is not None
    svg = ElementTree.fromstring(plot.history(section.history, "h", "t", "s"))
    (budget,) = (float(e.attrib["y1"]) for e in svg.iter("line") if e.get("class") == "budget")
    (good,) = (e for e in svg.iter("circle"))
    square, triangle = (e.attrib["d"] for e in svg.iter("path"))
    assert float(good.attrib["cy"]) > budget
    assert float(re.findall(NUMBER, square)[1]) + 4.5 < budget
    assert float(re.findall(NUMBER, triangle)[1]) < budget
    xs, ys = numbers(svg)
    assert (
        min(xs) >= 0 and max(xs) <= plot.WIDTH and min(ys) >= 0 and max(ys) <= plot.HISTORY_HEIGHT
    )
    assert svg.findtext("desc") == (
        "3 measured, 2 over the budget of 1.5 s; from 0.5 to 3 s; 1 without recovery (triangles)."
    )


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * d for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_contrast() -> None:
    """WCAG 2.2: 4.5 for text (1.4.3), on both grounds and in node colours; 3 for shapes (1.4.11)."""
    text = page([record()], "demo", NOW)
    light, dark = (
        dict(re.findall(r"--(\w+): (#\w+)", block))
        for block in re.findall(r":root \{(.*?)\}", text, re.S)[:2]
    )
    for colours in (light, dark):
        for ink in ("text", "dim", "good", "bad", "warn"):
            for ground in ("back", "panel"):
                pair = sorted((luminance(colours[ink]), luminance(colours[ground])))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (ink, ground)
        for ground in (f"n{i}" for i in range(plot.COLOURS)):
            pair = sorted((luminance(colours["text"]), luminance(colours[ground])))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, ground


def test_a_file_is_replaced_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "new" / "report.html"
    write_atomically(target, "old")
    assert stat.S_IMODE(target.stat().st_mode) == 0o644

    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(target, "new")
    assert target.read_text() == "old"
    assert [p.name for p in target.parent.iterdir()] == ["report.html"]
