"""What the modules of this package tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Document = Mapping[str, Any]
"""A flow as LangFlow's API gives and takes it."""


class FlowsError(Exception):
    """Why the work stopped; the text names the flow and the mend."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow, in the tree or in LangFlow. `path` is `<project>/<file>`, or "" for one that is only in LangFlow."""

    path: str
    project: str
    document: Document

    @property
    def id(self) -> str:
        return str(self.document["id"])

    @property
    def name(self) -> str:
        return str(self.document["name"])


@dataclass(frozen=True, slots=True)
class Smoke:
    """How a flow is tried: one run with `input`; its answer must hold the regular expression `expect`."""

    input: str = "ping"
    expect: str = ""
    skip: bool = False
    timeout: float = 120.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory of flows, free of problems."""

    flows: tuple[Flow, ...]
    smokes: Mapping[str, Smoke]
    """By path without `.json`."""

    def smoke(self, flow: Flow) -> Smoke:
        """Return how this flow is tried."""
        return self.smokes.get(flow.path.removesuffix(".json"), Smoke())


class State(StrEnum):
    """A flow of the tree compared with LangFlow's."""

    SAME = "same"
    CREATE = "create"
    CHANGE = "change"
    EXTRA = "extra"
    """In a project of the tree, but in LangFlow only."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a push would do to one flow."""

    state: State
    flow: Flow
    before: Flow | None
    differences: tuple[str, ...] = ()
    """One line each; values of secret fields are never in it."""
