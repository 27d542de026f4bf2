"""What a store has for certain. Pure.

It acknowledges a batch when it has it in memory and writes it to disk some seconds later. So a batch counts only when it was
acknowledged `settle` seconds ago, and after every failed delivery all that does not count yet is sent again: lines may
come twice, none is lost when a store dies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Progress:
    """`settled` is a cursor of the journal, "" for none; `fresh` are younger ones and when they were acknowledged."""

    settled: str = ""
    fresh: tuple[tuple[float, str], ...] = ()


def acknowledged(progress: Progress, cursor: str, now: float) -> Progress:
    """The store has taken a batch that ends at the cursor."""
    return replace(progress, fresh=(*progress.fresh, (now, cursor)))


def aged(progress: Progress, now: float, settle: float) -> Progress:
    """Time has passed."""
    old = [cursor for at, cursor in progress.fresh if now - at >= settle]
    if not old:
        return progress
    return Progress(old[-1], progress.fresh[len(old) :])


def failed(progress: Progress, now: float, settle: float) -> Progress:
    """A delivery failed: the store may have died and lost what it had in memory."""
    return replace(aged(progress, now, settle), fresh=())
