"""The overload hook: that a message can arrive, is believed, and has somebody to add."""

from __future__ import annotations

import re
from collections.abc import Iterator

from langflow_ha.overload.config import SHORTEST_TOKEN
from langflow_ha.preflight.model import Problem, Site

URL = re.compile(r"https://[^/:]+:[0-9]{1,5}/overload")
SPARE = "spare"


def hook(site: Site) -> Iterator[Problem]:
    """Turned on with something missing."""
    if site.value("overload_enabled") is not True:
        return
    url, token = str(site.value("overload_url")), str(site.value("overload_token"))
    if not site.members("monitoring"):
        yield _problem(
            "overload_enabled",
            "true",
            "no host is in the group monitoring, so nobody would send an alert",
            "put one or two hosts into the group monitoring, or set it to false",
        )
    if not site.members(SPARE):
        yield _problem(
            f"group {SPARE}",
            "empty",
            "overload_enabled is true, and there is nobody to add",
            "put a prepared machine into it, with its ansible_host, or set overload_enabled to false",
        )
    if not URL.fullmatch(url):
        yield _problem(
            "overload_url",
            url,
            "is not where a receiver could be",
            "write it like https://controller.example.org:8790/overload",
        )
    if len(token) < SHORTEST_TOKEN:
        # The length and not the value: it may be a secret that was cut off.
        yield _problem(
            "overload_token",
            f"{len(token)} characters",
            "could be guessed",
            f"put {SHORTEST_TOKEN} or more into the vault (openssl rand -hex 24)",
        )
    minutes = site.value("overload_cooldown_minutes")
    if isinstance(minutes, int) and minutes < 1:
        yield _problem(
            "overload_cooldown_minutes",
            str(minutes),
            "would add one spare after the other",
            "set it to the minutes in which a new node shows its effect, 60 say",
        )


def _problem(name: str, value: str, why: str, mend: str) -> Problem:
    return Problem("overload", name, value, why, mend)


CHECKS = (hook,)
