"""The page as HTML and as JSON. Pure; every text from outside is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from langflow_ha.node.prometheus import gauge
from langflow_ha.node.prometheus import page as as_page
from langflow_ha.page.assets import SCRIPT, STYLE
from langflow_ha.page.model import Chip, Event, Layer, Level, Page
from langflow_ha.status.model import as_data

REFRESH_S = 10
"""Without a script the browser loads the whole page again after this time."""
SIGNS = {Level.OK: "✓", Level.WARN: "!", Level.BAD: "✗", Level.UNKNOWN: "?"}
# Signs are for the eye; to a screen reader the words say it.
_HIDDEN = '<span aria-hidden="true">{}</span> '


def html(page: Page) -> bytes:
    """Return the whole page."""
    return "\n".join(_document(page)).encode()


def data(page: Page) -> bytes:
    """Return the same for programs."""
    told = {
        **as_data(page.cluster),
        "served_by": page.served_by,
        "addresses": dict(page.addresses),
        "service": page.service,
        "broken": page.broken,
        "wrong_now": page.wrong,
        "losses": [asdict(loss) for loss in page.losses],
        "events": [asdict(event) for event in page.events],
        "alerting": asdict(page.alerting),
        # The records of drills are on the controller: `langflow-ha drill report`.
        "drills": None,
    }
    return json.dumps(told).encode()


def metrics(page: Page) -> bytes:
    """Return what alerts ask of the verdict, for Prometheus."""
    verdict = page.cluster.verdict
    return as_page(
        [
            *gauge("failover_possible", "1: any one node may be lost.", verdict.can_fail_over),
            *gauge("broken", "1: something does not work now.", page.broken),
            *gauge("status_warnings", "Number of warnings.", len(verdict.warnings)),
        ]
    )


def _document(page: Page) -> Iterator[str]:
    cluster, yes = page.cluster, page.cluster.verdict.can_fail_over
    site, at = escape(cluster.site), datetime.fromtimestamp(cluster.at, UTC)
    title = f"{'✓ ok' if yes else '✗ BROKEN' if page.broken else '✗ NO failover'} – {site}"
    colour = "#116329" if yes else "#a40e26"
    icon = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="{colour}"/></svg>'
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
    yield f'<noscript><meta http-equiv="refresh" content="{REFRESH_S}"></noscript>'
    yield f"<title>{title}</title>"
    yield f'<link id="icon" rel="icon" href="data:image/svg+xml,{quote(icon)}">'
    yield f"<style>{STYLE}</style></head><body>"
    yield '<p id="stale" role="alert" hidden></p>'
    yield f'<header><p><b>{site}</b> <span class="dim">{escape(", ".join(cluster.vips))}</span></p>'
    stamp = f'<time id="at" datetime="{at:%Y-%m-%dT%H:%M:%SZ}">{at:%H:%M:%S} UTC</time>'
    yield f'<p class="dim">As of {stamp} <span id="age"></span></p>'
    yield '<button id="pause" type="button" aria-pressed="false" hidden>Pause updates</button></header>'
    yield '<p id="live" role="status" class="unseen"></p>'
    yield "<main>"
    yield from _verdict(page)
    yield from _warnings(page)
    yield from _alerts(page)
    yield from _layers(page.layers)
    yield from _events(page.events)
    yield from _drills()
    yield from _nodes(page)
    yield "</main>"
    yield '<footer><p class="dim">'
    yield f"Put together by {escape(page.served_by)}, one of the balancers: each serves this page at its own address, too, "
    yield 'also when nobody holds the virtual IP. The same for programs: <a href="status.json">status.json</a>. On a node: '
    yield "<code>langflow-ha check all</code>; on the controller: <code>langflow-ha status</code>.</p></footer>"
    yield f"<script>{SCRIPT}</script></body></html>"


def _items(texts: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def _verdict(page: Page) -> Iterator[str]:
    verdict = page.cluster.verdict
    yes = verdict.can_fail_over
    yield f'<section class="verdict {"yes" if yes else "no"}" aria-labelledby="verdict">'
    sign = _HIDDEN.format(SIGNS[Level.OK if yes else Level.BAD])
    said = "Yes: a failover is possible now" if yes else "No: a failover is not possible now"
    if page.broken:
        said = "Broken now, and no failover is possible"
    yield f'<h1 id="verdict">{sign}{said}</h1><p class="service">{escape(page.service)}</p>'
    if yes:
        yield "<p>Any one node may be lost, and everything goes on by itself.</p>"
    if page.wrong:
        yield f"<h2>Wrong now</h2>{_items(page.wrong)}"
    if page.losses:
        losses = "".join(
            f"<li>without {escape(' or '.join(loss.nodes))}:{_items(loss.holes)}</li>"
            for loss in page.losses
        )
        yield f"<h2>One more loss would break</h2><ul>{losses}</ul>"
    yield "</section>"


def _warnings(page: Page) -> Iterator[str]:
    found = page.cluster.verdict.warnings
    if found:
        yield f'<section class="note warn" aria-labelledby="warnings"><h2 id="warnings">Warnings ({len(found)})</h2>'
        yield f"{_items(found)}</section>"


def _alerts(page: Page) -> Iterator[str]:
    alerting = page.alerting
    yield '<section aria-labelledby="alerts">'
    if not alerting.configured:
        yield '<h2 id="alerts">Alerts</h2><p class="dim">No alerting configured.</p></section>'
        return
    if alerting.error:
        yield '<h2 id="alerts">Alerts</h2><p class="note bad">No Alertmanager answers, so nobody is being told: '
        yield f"{escape(alerting.error)}</p></section>"
        return
    yield f'<h2 id="alerts">Alerts firing ({len(alerting.firing)})</h2>'
    if not alerting.firing:
        yield '<p class="dim">None.</p>'
    for alert in alerting.firing:
        level = Level.WARN if alert.severity in ("warning", "info", "none") else Level.BAD
        yield f'<p class="note {level}">{_HIDDEN.format(SIGNS[level])}{escape(alert.severity)}: {escape(alert.name)}<br>'
        yield f"{escape(alert.summary)} <small>since {escape(alert.since[:16].replace('T', ' '))} UTC</small></p>"
    yield "</section>"


def _layers(layers: Iterable[Layer]) -> Iterator[str]:
    yield '<section aria-labelledby="cluster"><h2 id="cluster">The cluster, from the users down</h2><dl class="layers">'
    for layer in layers:
        note = f' <span class="dim">{escape(layer.note)}</span>' if layer.note else ""
        chips = "".join(_chip(chip) for chip in layer.chips)
        yield f'<div><dt>{escape(layer.title)}{note}</dt><dd><ul class="chips">{chips}</ul></dd></div>'
    yield "</dl></section>"


def _chip(chip: Chip) -> str:
    sign = _HIDDEN.format(SIGNS[chip.level])
    return f'<li class="chip {chip.level}">{sign}<b>{escape(chip.name)}</b>{escape(chip.text)}</li>'


def _events(events: tuple[Event, ...]) -> Iterator[str]:
    yield '<section aria-labelledby="events"><h2 id="events">Last events (UTC)</h2>'
    if not events:
        yield '<p class="dim">No node that answers has any.</p></section>'
        return
    yield '<ol class="events">'
    yield from (_event(event) for event in events[:8])
    yield "</ol>"
    if events[8:]:
        yield f'<details id="more"><summary id="more-events">{len(events) - 8} older</summary><ol class="events">'
        yield from (_event(event) for event in events[8:])
        yield "</ol></details>"
    yield "</section>"


def _event(event: Event) -> str:
    kind = {"page": Level.BAD, "warning": Level.WARN}.get(event.level, Level.UNKNOWN)
    stamp = escape(event.time)
    return (
        f'<li><time datetime="{stamp}" class="dim">{escape(event.time[5:19].replace("T", " "))}</time> '
        f'<b>{escape(event.node)}</b> <span class="tag {kind}">{escape(event.level)}</span> '
        f"{escape(event.event.replace('_', ' '))}: {escape(event.detail)}</li>"
    )


def _drills() -> Iterator[str]:
    yield '<section aria-labelledby="drills"><h2 id="drills">Drills</h2>'
    yield '<p class="dim">Their records are kept on the controller, not here: <code>langflow-ha drill report</code>.</p></section>'


def _nodes(page: Page) -> Iterator[str]:
    yield '<section aria-labelledby="nodes"><h2 id="nodes">Nodes and versions</h2><dl class="plain">'
    for node in page.cluster.nodes:
        runs = ", ".join(sorted(node.groups - {"cluster"})) or "nothing but the agent"
        address = escape(page.addresses[node.name])
        yield f"<dt>{escape(node.name)}</dt><dd><code>{address}</code> {escape(runs)}</dd>"
    for name, versions in page.cluster.versions.items():
        differ = " (the nodes differ)" if len(versions) > 1 else ""
        yield f"<dt>{escape(name)}</dt><dd>{escape(' / '.join(versions))}{differ}</dd>"
    yield "</dl></section>"
