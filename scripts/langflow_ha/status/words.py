"""Words that every view of a cluster uses. Pure."""

from __future__ import annotations


def age(seconds: float) -> str:
    """Return an age for people: 3 h, 12 days."""
    hours = seconds / 3600
    if hours < 1:
        return f"{seconds / 60:.0f} min"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"
