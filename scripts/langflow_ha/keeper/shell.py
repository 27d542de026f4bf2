"""Running programs: as root or as postgres, secrets in the environment only."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from langflow_ha.keeper.model import KeeperError

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TELLING_LINES = 4
MARKED = re.compile(r"ERROR:|HINT:|FATAL")
STAMP = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ P\d\d +")
"""Time and process, with which pgBackRest begins a line."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a program left behind."""

    code: int
    out: str
    error: str

    @property
    def reason(self) -> str:
        """The lines that say why: the first that are marked as errors or hints, or else the last ones."""
        lines = [line.strip() for line in (self.error or self.out).splitlines() if line.strip()]
        marked = [STAMP.sub("", line) for line in lines if MARKED.search(line)]
        telling = marked[:TELLING_LINES] or lines[-TELLING_LINES:]
        return "; ".join(telling) or f"exit code {self.code}"


class Run(Protocol):
    """Runs a program and waits for it; the tests put a fake in its place."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        user: str = "",
        environment: Mapping[str, str] | None = None,
        stdin: str = "",
        group_of: str = "",
    ) -> Done:
        """Return what became of it; an exit code is no exception."""


def run(
    argv: Sequence[str],
    *,
    user: str = "",
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    group_of: str = "",
) -> Done:
    """Run a program without a shell and without any of the caller's environment.

    `group_of` names a file whose group `user` gets besides its own, as the database's unit gives it.
    """
    more = [Path(group_of).stat().st_gid] if group_of else []
    identity: dict[str, Any] = (
        {"user": user, "group": user, "extra_groups": [*_groups(user), *more]} if user else {}
    )
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            capture_output=True,
            text=True,
            # What it tries to read with a wrong passphrase is not text.
            errors="replace",
            check=False,
            cwd="/",
            env={"PATH": SEARCH_PATH, "LC_ALL": "C.UTF-8", "HOME": "/root", **(environment or {})},
            **identity,
        )
    except FileNotFoundError as error:
        raise KeeperError(f"{argv[0]} is not installed on this node: {error}") from error
    return Done(done.returncode, done.stdout, done.stderr)


def _groups(user: str) -> list[int]:
    return os.getgrouplist(user, pwd.getpwnam(user).pw_gid)
