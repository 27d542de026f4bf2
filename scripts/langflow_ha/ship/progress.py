"""What a store has for certain. Pure.

It acknowledges a batch when it has it in memory and writes it to disk some seconds later. So a batch counts only when the same
process of the store still lived `settle` seconds after it acknowledged, and after every failure all that does not count
yet is sent again: lines may come twice, none is lost when a store dies.
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


def waits(progress: Progress, now: float, settle: float) -> bool:
    """Tell whether a batch would count if the store is known to live."""
    return bool(progress.fresh) and now - progress.fresh[0][0] >= settle


def lived(progress: Progress, at: float, settle: float) -> Progress:
    """The process that acknowledged was seen alive at a time."""
    old = [cursor for taken, cursor in progress.fresh if at - taken >= settle]
    return Progress(old[-1], progress.fresh[len(old) :]) if old else progress


def failed(progress: Progress) -> Progress:
    """A delivery failed, or another process answers: what the store had in memory may be lost."""
    return replace(progress, fresh=())
