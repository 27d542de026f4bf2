"""The table of backups for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from langflow_ha.status.words import age


def size(count: float) -> str:
    """Return bytes for people: 8.5 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def when(at: float) -> str:
    """Return a moment in UTC, as restore_at and restore_target take it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S+00:00")


def wrong(told: Mapping[str, Any]) -> list[str]:
    """Return gaps, damage and kinds whose newest backup is too old or missing."""
    return [*told["problems"], *told["complaints"]]


def page(told: Mapping[str, Any], node: str) -> RenderableType:
    """Return the whole page: backups newest first, then the last proof, then what is wrong."""
    table = Table(box=None, pad_edge=False)
    for name in ("kind", "backup", "complete (UTC)", "age", "size", "stored", "took"):
        table.add_column(
            name, no_wrap=True, justify="right" if name in ("size", "stored") else "left"
        )
    for backup in sorted(told["backups"], key=lambda one: (one["kind"], -one["at"])):
        table.add_row(
            f"{backup['kind']} {backup['type']}".strip(),
            backup["label"],
            when(backup["at"]),
            age(told["at"] - backup["at"]),
            size(backup["size"]),
            size(backup["stored"]),
            f"{backup['seconds']:.0f} s",
        )
    parts: list[RenderableType] = [table, Text(f"as {node} sees the target")]
    if proof := told.get("proof"):
        outcome = "passed" if proof["passed"] else "FAILED"
        parts.append(
            Text(
                f"last proof here: {outcome} {age(told['at'] - proof['at'])} ago, backup {proof['backup']}, "
                f"{size(proof['bytes'])} in {proof['seconds']:.0f} s"
            )
        )
    if found := wrong(told):
        parts += [Text(f"wrong: {problem}", style="red") for problem in found]
    else:
        parts.append(Text("every kind is young enough, the archive has no gap", style="green"))
    return Group(*parts)
