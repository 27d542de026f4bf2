"""The page as a browser gets it: one well-formed file that needs nothing else."""

from __future__ import annotations

import itertools
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from langflow_ha.page import assets, render
from langflow_ha.page.decide import page
from langflow_ha.page.model import Alerting, Answer, Level
from langflow_ha.status.model import as_data
from page_helpers import (
    AT,
    GROUPS,
    alerting,
    config,
    event,
    half_down,
    healthy,
    made,
    one_down,
    report,
)

VOID = {"meta", "link", "br"}
PAGES = {
    "healthy": made(healthy()),
    "one down": made(one_down(), alerting()),
    "half down": made(half_down(), Alerting(configured=True, error="198.18.79.11:9093: refused")),
}


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed where it should be."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"{tag}: an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    def values(self, attribute: str) -> list[str]:
        return [value for _, attrs in self.elements if (value := attrs.get(attribute))]


@pytest.fixture(params=PAGES)
def read(request: pytest.FixtureRequest) -> Reader:
    return Reader(render.html(PAGES[request.param]))


def test_landmarks_and_names(read: Reader) -> None:
    tags = [tag for tag, _ in read.elements]
    for landmark in ("header", "main", "footer", "h1", "title"):
        assert tags.count(landmark) == 1, landmark
    ids = read.values("id")
    assert len(set(ids)) == len(ids)
    sections = [attrs for tag, attrs in read.elements if tag == "section"]
    assert all(attrs["aria-labelledby"] in ids for attrs in sections)
    assert dict(read.elements)["html"]["lang"] == "en"
    # Headings go down by one level at most.
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_nothing_from_outside(read: Reader) -> None:
    assert read.values("src") == []
    assert [h for h in read.values("href") if not h.startswith("data:")] == ["status.json"]
    style, script = read.texts["style"], read.texts["script"]
    assert "url(" not in "".join(style) and "@import" not in "".join(style)
    assert "http" not in "".join(script)


def test_the_policy_allows_this_style_and_script_and_no_other(read: Reader) -> None:
    (style,), (script,) = read.texts["style"], read.texts["script"]
    assert assets.digest(style) in assets.POLICY
    assert assets.digest(script) in assets.POLICY
    assert "unsafe" not in assets.POLICY
    # Attributes would need their own permission.
    assert [
        a for _, attrs in read.elements for a in attrs if a == "style" or a.startswith("on")
    ] == []


def test_colour_is_never_alone() -> None:
    for name, level in (("healthy", "ok"), ("one down", "unknown"), ("half down", "bad")):
        text = render.html(PAGES[name]).decode()
        chips = re.findall(
            rf'<li class="chip {level}"><span aria-hidden="true">(.)</span> <b>', text
        )
        assert chips and set(chips) == {render.SIGNS[Level(level)]}


def test_the_verdict_comes_first_and_is_in_the_title() -> None:
    for name, title, said in (
        ("healthy", "✓ ok – blue", "Yes: a failover is possible now"),
        ("one down", "✗ NO failover – blue", "No: a failover is not possible now"),
        ("half down", "✗ BROKEN – blue", "Broken now, and no failover is possible"),
    ):
        text = render.html(PAGES[name]).decode()
        read = Reader(text.encode())
        assert read.texts["title"] == [title]
        assert "".join(read.texts["h1"]).strip() == said
        assert text.index("<h1") < text.index("<h2")


def test_alerts_or_that_there_is_nobody_to_tell() -> None:
    text = {name: render.html(shown).decode() for name, shown in PAGES.items()}
    assert "No alerting configured." in text["healthy"]
    assert "Alerts firing (2)" in text["one down"]
    assert text["one down"].index("NodeDown") < text["one down"].index("BackupTooOld")
    assert "No Alertmanager answers, so nobody is being told" in text["half down"]
    assert "None." in render.html(made(healthy(), Alerting(configured=True))).decode()


def test_what_nodes_say_is_text_and_no_markup() -> None:
    evil = '<script>alert(1)</script>"&'
    answers: dict[str, Answer] = {
        **one_down(),
        "n1": evil,
        "n3": report("n3", events=[event(0, evil, evil, evil)], versions={"patroni": evil}),
    }
    text = render.html(made(answers)).decode()
    assert "<script>alert" not in text
    assert len([tag for tag, _ in Reader(text.encode()).elements if tag == "script"]) == 1


def test_a_large_site_in_trouble_stays_light() -> None:
    names = [f"node-{i:02}" for i in range(24)]
    nodes = [{"name": n, "address": f"192.0.2.{i}", "groups": GROUPS} for i, n in enumerate(names)]
    events = [event(i, "warning", "check_down", "x" * 150) for i in range(25)]
    bad = {"error": "[Errno 111] Connection refused"}
    answers: dict[str, Answer] = {n: report(n, events=events, etcd=bad, minio=bad) for n in names}
    shown = page(config(nodes=nodes, node=names[0]), answers, alerting(), AT)
    assert len(render.html(shown)) < 60_000
    assert len(render.html(PAGES["half down"])) < 20_000


@pytest.mark.parametrize("name", PAGES)
def test_the_same_for_programs(name: str) -> None:
    shown = PAGES[name]
    told: dict[str, Any] = json.loads(render.data(shown))
    of_status = json.loads(json.dumps(as_data(shown.cluster)))
    assert {key: told[key] for key in of_status} == of_status
    assert told["wrong_now"] == list(shown.wrong)
    assert told["alerting"]["configured"] is shown.alerting.configured
    assert len(told["events"]) == len(shown.events)
    assert told["drills"] is None
