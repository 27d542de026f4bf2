"""Drives headless Chromium through Playwright's Python package and the distribution's browser.

Selectors are LangFlow 1.13's; where it offers a test id that is used, because texts change more often.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# QUIC would bypass the balancer's TCP port; the rest keeps the browser from talking to anybody else.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STEP_MS = 45_000
QUESTION = "Hello through the virtual IP"

Say = Callable[[str], None]


class BrowserError(Exception):
    """The visit did not get through; the text names the step."""


def executable() -> str:
    """Return the browser's path; raises BrowserError with the mend when there is none."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise BrowserError("there is no Chromium on this machine; install it: apt-get install chromium")


def visit(url: str, user: str, password: str, flow_id: str, screenshot: Path, say: Say) -> None:
    """Log in, open the flow, ask the playground `QUESTION`, see it answered, take a picture.

    The certificate is checked by the drills' client, which can be given a CA file; a browser
    takes one only from the user's own store, so errors about it are ignored here.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise BrowserError(
            "the Python package playwright is missing: pip install playwright"
        ) from None
    screenshot.parent.mkdir(parents=True, exist_ok=True)
    step = "start the browser"
    with (
        tempfile.TemporaryDirectory(prefix="langflow-ha-browser-") as profile,
        sync_playwright() as p,
    ):
        context = p.chromium.launch_persistent_context(
            profile,
            executable_path=executable(),
            args=FLAGS,
            headless=True,
            ignore_https_errors=True,
            locale="en-US",
            viewport={"width": 1280, "height": 800},
        )
        page = context.new_page()
        page.set_default_timeout(STEP_MS)
        actions: list[tuple[str, Callable[[], None]]] = [
            ("log in", lambda: _log_in(page, url, user, password)),
            ("open the flow", lambda: _open(page, url, flow_id)),
            ("run it in the playground", lambda: _ask(page)),
        ]
        try:
            for step, action in actions:
                say(step)
                action()
            page.screenshot(path=screenshot)
        except Error as error:
            failed = screenshot.with_name(f"{screenshot.stem}-failed.png")
            page.screenshot(path=failed)
            first = str(error).splitlines()[0]
            raise BrowserError(
                f"{step}: {first}; what the browser showed is in {failed}"
            ) from error
        finally:
            context.close()


def _log_in(page: Page, url: str, user: str, password: str) -> None:
    page.goto(f"{url}/login")
    page.get_by_placeholder("Username").fill(user)
    page.get_by_placeholder("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "/login" not in address)


def _open(page: Page, url: str, flow_id: str) -> None:
    page.goto(f"{url}/flow/{flow_id}")
    page.get_by_test_id("playground-btn-flow-io").wait_for()


def _ask(page: Page) -> None:
    page.get_by_test_id("playground-btn-flow-io").click()
    box = page.get_by_test_id("input-chat-playground").last
    box.fill(QUESTION)
    page.get_by_test_id("button-send").last.click()
    # The question itself is shown too: the second occurrence is the answer.
    page.get_by_text(QUESTION).nth(1).wait_for()
    page.wait_for_timeout(1500)
