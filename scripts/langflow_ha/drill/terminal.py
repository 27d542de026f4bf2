"""What the commands that run drills share: options, words on the terminal, what is written at the end."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from langflow_ha import terminal
from langflow_ha.drill import record
from langflow_ha.drill.model import Outcome, Record
from langflow_ha.drill.publish import send_metrics, write_metrics, write_page
from langflow_ha.status.remote import SshRemote
from langflow_ha.status.site import Site

console = terminal.console()
TextfileOption = Annotated[
    Path | None,
    typer.Option(help="Directory of the node exporter's textfile collector: write metrics there."),
]
DirectoryOption = Annotated[
    Path | None, typer.Option(help="Directory of the records; default: the lab's drills/.")
]
SeedOption = Annotated[
    int, typer.Option(help="What drawn times come from; the same draws the same. 0: any.")
]


def speaker() -> Callable[[str], None]:
    """Return what prints a line with the seconds since now before it."""
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[{time.monotonic() - began:6.0f} s] {text}", markup=False)

    return say


def fresh_seed() -> int:
    """Return a seed that is short enough to be typed again."""
    return secrets.randbelow(10**6) + 1


def outcome_line(result: Record, count: int = 0) -> str:
    """Return one line about one run, of `count` when that is known."""
    number = f"{result.repetition}/{count}" if count else str(result.repetition)
    head = f"{result.drill} {number}: {result.outcome.upper()}"
    if result.outcome is Outcome.SKIPPED:
        return f"{head}, {result.reason}"
    kind = result.budget_kind
    shown = "nothing" if result.measured is None else record.figure(result.measured, kind)
    limit = record.figure(result.limit, kind)
    text = (
        f"{head}, {kind} {shown} (budget {limit}), {result.lost}/{result.acknowledged} writes lost"
    )
    return f"{text}; {result.reason}" if result.reason else text


def class_lines(result: Record) -> list[str]:
    """Return one line for each kind of request of which some failed, with what was seen instead of an answer."""
    return [
        f"  {cls}: {stats.failed} of {stats.total} failed ("
        + ", ".join(f"{count} {note}" for note, count in stats.notes.items())
        + ")"
        for cls, stats in result.classes.items()
        if stats.failed
    ]


def publish(site: Site, journal: record.Journal, textfile: Path | None) -> None:
    """Write what is made of the records; a full disk must not hide how the drills ended."""
    console.print(f"records: {journal.file}", markup=False, soft_wrap=True)
    try:
        console.print(f"page: {write_page(journal, site.name)}", markup=False, soft_wrap=True)
        if textfile:
            write_metrics(journal, site.name, textfile)
    except OSError as error:
        typer.secho(f"warning: not written: {error}", fg="yellow", err=True)
    for node, why in asyncio.run(send_metrics(journal, site, SshRemote())).items():
        typer.secho(f"warning: {node} has not got the metrics: {why}", fg="yellow", err=True)
