"""The page in Chromium, at the width of a phone and of a desk. `make test-browser`; an error without Chromium."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from langflow_ha.browser.visit import FLAGS, executable
from langflow_ha.page import render
from langflow_ha.page.assets import POLICY
from langflow_ha.page.model import Page
from page_helpers import alerting, half_down, healthy, made, one_down
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
PAGES = {
    "healthy": made(healthy()),
    "one down": made(one_down(), alerting()),
    "half down": made(half_down()),
}
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
PATIENCE_MS = 120_000

# Of every element with a text of its own: the contrast of its colours (WCAG 2, 1.4.3), with the nearest background.
CONTRAST = """() => {
 const lum = c => { const [r,g,b] = c.map(v => { v/=255; return v<=.03928 ? v/12.92 : ((v+.055)/1.055)**2.4 });
  return .2126*r+.7152*g+.0722*b };
 const parse = s => s.match(/[\\d.]+/g).map(Number);
 const found = [];
 for (const e of document.body.querySelectorAll('*')) {
  if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType===3 && n.data.trim())) continue;
  let b = e, back;
  do { back = parse(getComputedStyle(b).backgroundColor); b = b.parentElement } while (back[3]===0 && b);
  if (back[3]===0) back = [255,255,255];
  const [x,y] = [lum(parse(getComputedStyle(e).color).slice(0,3)), lum(back.slice(0,3))];
  const ratio = (Math.max(x,y)+.05)/(Math.min(x,y)+.05);
  if (ratio < 4.5) found.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)}: ${e.textContent.slice(0,30)}`);
 }
 return found }"""


class Site(http.server.ThreadingHTTPServer):
    """Serves the page with its policy, as the daemon does; None = it cannot be reached."""

    daemon_threads = True
    shown: Page | None = PAGES["healthy"]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        shown = self.server.shown
        if shown is None:
            self.connection.close()
            return
        body = render.html(shown)
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = [*FLAGS, "--no-proxy-server"]
        opened = playwright.chromium.launch(
            executable_path=executable(), args=flags, headless=True, timeout=PATIENCE_MS
        )
        yield opened
        opened.close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_is_legible_and_asks_for_nothing_else(
    site: Site, browser: Browser, name: str, scheme: Any
) -> None:
    site.shown = PAGES[name]
    url = f"http://127.0.0.1:{site.server_port}/ha/"
    context = browser.new_context(viewport=PHONE, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.clock.install()  # it must not renew itself under the measuring
    page.goto(url)
    for viewport in (PHONE, DESK):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), viewport
        # The verdict and its first reason are seen without scrolling.
        box = page.locator(".verdict h1").bounding_box()
        assert box and box["y"] + box["height"] < viewport["height"] / 2
    assert page.evaluate(CONTRAST) == []
    assert complaints == [], "the policy forbids something, or the script fails"
    assert {r for r in requests if not r.startswith("data:")} == {url}
    context.close()


def test_it_follows_the_cluster_says_when_it_is_old_and_can_be_paused(
    site: Site, browser: Browser
) -> None:
    site.shown = PAGES["healthy"]
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.clock.install()
    page.goto(f"http://127.0.0.1:{site.server_port}/ha/")
    heading, stale = page.locator("h1"), page.locator("#stale")
    assert "Yes" in heading.inner_text() and stale.is_hidden()

    site.shown = PAGES["half down"]
    page.clock.run_for(6000)
    page.locator("h1", has_text="Broken now").wait_for()
    assert page.title() == "✗ BROKEN – blue"
    assert "Broken now" in (page.locator("#live").text_content() or "")

    # By keyboard: what is opened stays open when the page renews itself, and the focus stays.
    page.locator("#more-events").focus()
    page.keyboard.press("Enter")
    page.clock.run_for(6000)
    page.wait_for_timeout(300)
    assert page.evaluate("document.getElementById('more').open")
    assert page.evaluate("document.activeElement.id") == "more-events"

    site.shown = None
    page.clock.run_for(20_000)
    stale.wait_for(state="visible")
    assert "cannot be reached" in stale.inner_text()
    site.shown = PAGES["healthy"]
    page.clock.run_for(6000)
    page.locator("h1", has_text="Yes").wait_for()
    stale.wait_for(state="hidden")

    button = page.get_by_role("button", name="Pause updates")
    button.focus()
    page.keyboard.press("Enter")
    assert page.locator("#pause").get_attribute("aria-pressed") == "true"
    site.shown = PAGES["one down"]
    page.clock.run_for(12_000)
    page.wait_for_timeout(300)
    assert "Yes" in heading.inner_text()
    page.keyboard.press("Enter")
    page.locator("h1", has_text="No:").wait_for()
    context.close()


def test_without_a_script_the_browser_loads_it_again(site: Site, browser: Browser) -> None:
    site.shown = PAGES["healthy"]
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"http://127.0.0.1:{site.server_port}/ha/")
    assert page.locator("#pause").is_hidden()
    site.shown = PAGES["one down"]
    page.locator("h1", has_text="No:").wait_for()
    context.close()
