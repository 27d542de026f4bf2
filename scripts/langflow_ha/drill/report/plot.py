"""Figures as SVG. Pure: the only module that knows pixels; colours are classes that the page styles.

Every picture has a title and a description in words, and no meaning rests on colour alone: failed
requests point down, holders are named, verdicts differ in shape.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from langflow_ha.drill.report.figures import (
    Axis,
    History,
    Hold,
    Lane,
    Point,
    TimelineFigure,
    Track,
)

WIDTH = 900
LEFT = 80
RIGHT = 20
PLOT = WIDTH - LEFT - RIGHT
OK_HEIGHT = 22
FAILED_HEIGHT = 12
LANE = OK_HEIGHT + FAILED_HEIGHT + 6
TRACK = 24
HEAD = 20
FOOT = 34
HISTORY_HEIGHT = 190
COLOURS = 6
"""Node colours that the page has; more nodes begin again."""
CHARACTER = 7
"""Width of a character of the labels, generously."""


def number(value: float) -> str:
    """Return a coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def quantity(value: float, unit: str) -> str:
    """Return a value with its unit; counts have none."""
    return f"{value:g} {unit}" if unit else f"{value:g}"


def across(axis: Axis, value: float) -> float:
    """Return the x of a value, inside the plot."""
    return LEFT + PLOT * axis.share(value)


def _image(id_: str, height: float, title: str, text: str, body: Sequence[str]) -> Markup:
    head = (
        f'<svg viewBox="0 0 {WIDTH} {number(height)}" role="img" '
        f'aria-labelledby="{escape(id_)}-t {escape(id_)}-d">'
        f'<title id="{escape(id_)}-t">{escape(title)}</title>'
        f'<desc id="{escape(id_)}-d">{escape(text)}</desc>'
    )
    return Markup(head + "".join(body) + "</svg>")  # noqa: S704 - every text in it went through escape


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    name = f' class="{kind}"' if kind else ""
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{number(x)}" y="{number(y)}"{name}{place}>{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return (
        f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" '
        f'class="{kind}"/>'
    )


def columns(values: Sequence[float], edges: Sequence[float], base: float, scale: float) -> str:
    """Return a path of columns on `base`; equal neighbours share one. Negative `scale`: upwards.

    `edges` has the x of each column's left side and one more, the last one's right side.
    """
    parts = []
    index = 0
    while index < len(values):
        end = index
        while end + 1 < len(values) and values[end + 1] == values[index]:
            end += 1
        if values[index]:
            top = base + scale * values[index]
            parts.append(
                f"M{number(edges[index])} {number(base)}V{number(top)}"
                f"H{number(edges[end + 1])}V{number(base)}"
            )
        index = end + 1
    return "".join(parts)


def _lane(lane: Lane, edges: Sequence[float], top: float) -> list[str]:
    base = top + OK_HEIGHT
    good = columns(lane.ok, edges, base, -OK_HEIGHT / lane.peak)
    bad = columns(lane.failed, edges, base + 1, FAILED_HEIGHT / lane.peak)
    return [
        _text(LEFT - 8, base - 3, lane.name, anchor="end"),
        _text(LEFT - 8, base + 10, f"{lane.peak:.0f}/s", "small", "end"),
        _line(LEFT, base + 0.5, WIDTH - RIGHT, base + 0.5, "base"),
        f'<path class="ok" d="{good}"/>' if good else "",
        f'<path class="bad" d="{bad}"/>' if bad else "",
    ]


def _hold(hold: Hold, axis: Axis, top: float, nodes: tuple[str, ...]) -> str:
    left, right = across(axis, hold.start), across(axis, hold.end)
    kind = f"node{nodes.index(hold.names[0]) % COLOURS}" if len(hold.names) == 1 else "clash"
    if not hold.names:
        kind = "nobody"
    label = " + ".join(hold.names) or "nobody"
    box = (
        f'<rect class="{kind}" x="{number(left)}" y="{number(top)}" '
        f'width="{number(max(right - left, 1.5))}" height="{TRACK - 6}"/>'
    )
    fits = len(label) * CHARACTER + 6 <= right - left
    return box + (_text(left + 4, top + 13, label, "in") if fits else "")


def _track(track: Track, figure: TimelineFigure, top: float) -> list[str]:
    holds = [_hold(hold, figure.axis, top, figure.nodes) for hold in track.holds]
    return [_text(LEFT - 8, top + 13, track.name, anchor="end"), *holds]


def timeline(figure: TimelineFigure, id_: str, title: str) -> Markup:
    """Return one repetition: a lane of requests per class, the holders, fault and undo as lines."""
    columns_ = max(len(lane.ok) for lane in figure.lanes)
    edges = [across(figure.axis, figure.start + i * figure.column_s) for i in range(columns_ + 1)]
    bottom = HEAD + LANE * len(figure.lanes) + TRACK * len(figure.tracks)
    body: list[str] = []
    for tick in figure.axis.ticks:
        x = across(figure.axis, tick)
        body += [
            _line(x, HEAD, x, bottom, "grid"),
            _text(x, bottom + 14, f"{tick:g}", "small", "middle"),
        ]
    body.append(_text(LEFT + PLOT / 2, bottom + 29, "seconds after the fault", "small", "middle"))
    for index, lane in enumerate(figure.lanes):
        body += _lane(lane, edges, HEAD + index * LANE)
    for index, track in enumerate(figure.tracks):
        body += _track(track, figure, HEAD + LANE * len(figure.lanes) + index * TRACK + 2)
    body += _markers(figure, bottom)
    words = "; ".join(m.name + f" at {m.at:+.1f} s" for m in figure.markers)
    text = ". ".join(
        [*(lane.text for lane in figure.lanes), *(t.text for t in figure.tracks), words]
    )
    return _image(id_, bottom + FOOT, title, text, body)


def _markers(figure: TimelineFigure, bottom: float) -> list[str]:
    body = []
    free = 0.0
    for marker in figure.markers:
        x = across(figure.axis, marker.at)
        body.append(_line(x, HEAD - 4, x, bottom, f"mark {marker.name}"))
        width = len(marker.name) * CHARACTER
        left = max(free, min(x - width / 2, WIDTH - RIGHT - width))
        body.append(_text(left, HEAD - 7, marker.name, "small"))
        free = left + width + 4
    return body


def _point(point: Point, history: History, bottom: float, top: float) -> str:
    x = across(history.times, point.at)
    if point.value is None:
        return f'<path class="bad" d="M{number(x - 5)} {number(top + 8)}h10l-5 -8z"/>'
    y = bottom - (bottom - top) * history.values.share(point.value)
    if point.passed:
        return f'<circle class="ok" cx="{number(x)}" cy="{number(y)}" r="4"/>'
    return f'<path class="bad" d="M{number(x - 4.5)} {number(y - 4.5)}h9v9h-9z"/>'


def history(figure: History, id_: str, title: str, unit: str) -> Markup:
    """Return the plot of a drill's figures over time, with the budget as a line."""
    top, bottom = 14.0, HISTORY_HEIGHT - FOOT
    body: list[str] = []
    for tick in figure.values.ticks:
        y = bottom - (bottom - top) * figure.values.share(tick)
        body += [
            _line(LEFT, y, WIDTH - RIGHT, y, "grid"),
            _text(LEFT - 8, y + 4, quantity(tick, unit), "small", "end"),
        ]
    for at, name in figure.dates:
        body.append(_text(across(figure.times, at), bottom + 16, name, "small", "middle"))
    y = bottom - (bottom - top) * figure.values.share(figure.limit)
    body += [
        _line(LEFT, y, WIDTH - RIGHT, y, "budget"),
        _text(WIDTH - RIGHT, y - 5, f"budget {quantity(figure.limit, unit)}", "small", "end"),
    ]
    body += [_point(point, figure, bottom, top) for point in figure.points]
    known = [p.value for p in figure.points if p.value is not None]
    never = len(figure.points) - len(known)
    over = sum(value > figure.limit for value in known) + never
    text = (
        f"{len(figure.points)} measured, {over} over the budget of {quantity(figure.limit, unit)}"
    )
    if known:
        text += f"; from {min(known):g} to {quantity(max(known), unit)}"
    if never:
        text += f"; {never} without recovery (triangles)"
    return _image(id_, HISTORY_HEIGHT, title, f"{text}.", body)
