"""Is the maintenance window open? systemd says when it opened, `remaining` is pure."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime

OPENED = re.compile(
    r"^\s*(?:\(in UTC\)|Next elapse): \w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC$", re.M
)


class WindowError(Exception):
    """The calendar expression cannot be used; the text says why."""


def remaining(opens_at: float | None, length_s: float, now: float) -> float:
    """Return for how many seconds the window stays open; 0 when it is shut.

    `opens_at` is the first opening after `now - length_s` (seconds since the epoch): an opening
    that lies before `now` is the one of a window that is open.
    """
    if opens_at is None or opens_at > now:
        return 0.0
    return max(0.0, opens_at + length_s - now)


def parsed(output: str) -> float | None:
    """Return the moment in the output of `systemd-analyze calendar`; None when it never comes again."""
    found = OPENED.search(output)
    if not found:
        return None
    return datetime.strptime(found.group(1), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()


def first_opening(calendar: str, after: float) -> float | None:
    """Ask systemd for the first moment of an OnCalendar expression after a time; raises WindowError."""
    try:
        done = subprocess.run(
            ["systemd-analyze", "calendar", f"--base-time=@{after:.0f}", calendar],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WindowError(f"systemd-analyze: {error}") from error
    if done.returncode:
        raise WindowError(f"{calendar!r}: {done.stderr.strip() or done.stdout.strip()}")
    return parsed(done.stdout)
