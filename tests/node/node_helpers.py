"""What the tests of every daemon need to say."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from langflow_ha.health.model import PeerView

SCRIPTS = Path(__file__).parents[2] / "scripts"


def with_value(configuration: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The configuration with one value replaced; `path` is dotted."""
    whole = copy.deepcopy(dict(configuration))
    *parents, last = path.split(".")
    inner: Any = whole
    for key in parents:
        inner = inner[int(key) if key.isdigit() else key]
    inner[last] = value
    return whole


def view(name: str, sees: Iterable[str], **changes: Any) -> PeerView:
    """What a healthy node's agent says of itself."""
    fields: dict[str, Any] = {
        "name": name,
        "fit": True,
        "isolated": False,
        "vip_held_for": None,
        "checks": {},
        "sees": tuple(sees),
        "boot_id": "b",
        "seq": 1,
        "loop_age": 0.05,
    }
    return PeerView(**{**fields, **changes})


def check_by_command(package: str, directory: Path, text: str) -> int:
    """Exit code of a daemon that checks a configuration with the standard library alone."""
    (directory / "file.json").write_text(text)
    command = [sys.executable, "-S", "-m", f"langflow_ha.{package}", "--check-config"]
    return subprocess.run(
        [*command, "--config", "file.json"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        check=False,
    ).returncode
