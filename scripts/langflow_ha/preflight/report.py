"""Problems as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from langflow_ha.preflight.model import Note, Problem

WIDTH = 96


def _paragraph(label: str, text: str) -> str:
    return textwrap.fill(
        text,
        width=WIDTH,
        initial_indent=f"     {label:<6}",
        subsequent_indent=" " * 11,
        break_long_words=False,
        break_on_hyphens=False,
    )


def count(problems: Sequence[Problem]) -> str:
    """Return "1 problem", "2 problems" and so on."""
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"


def lines(problems: Sequence[Problem], subject: str) -> Iterator[tuple[str, str]]:
    """Yield (text, colour) pairs: a heading, then each problem with its variable, reason and mend."""
    yield "", "normal"
    yield f"Preflight found {count(problems)} in {subject}. Nothing was changed.", "bright red"
    for number, problem in enumerate(problems, 1):
        value = f" = {problem.value}" if problem.value else ""
        yield "", "normal"
        yield f"{number:>3}. {problem.variable}{value}  [{problem.check}]", "bright yellow"
        yield _paragraph("why", problem.reason), "normal"
        yield _paragraph("mend", problem.fix), "green"
    yield "", "normal"


def plain(problems: Sequence[Problem], subject: str) -> str:
    """Return the same as one text without colours."""
    return "\n".join(text for text, _colour in lines(problems, subject))


def note_lines(notes: Sequence[Note]) -> Iterator[tuple[str, str]]:
    """Yield (text, colour) pairs for what is good to know; nothing when there is no note."""
    for note in notes:
        yield "", "normal"
        yield f"note: {note.variable} = {note.value}", "bright yellow"
        yield _paragraph("", note.text), "normal"
    if notes:
        yield "", "normal"
