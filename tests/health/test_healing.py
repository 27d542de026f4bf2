"""Restarts: patient, few, and never for a trouble that is shared."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from helpers import FAILED, TIMED_OUT, Node, make, view
from langflow_ha.health.model import Outcome


def hang(node: Node, seconds: float, **more: object) -> list[float]:
    """Let LangFlow time out for that long; the moments at which a restart was asked for."""
    end, asked = node.now + seconds, []
    while node.now < end:
        if node.round(step=0.5, langflow=TIMED_OUT, **more).verdict.restart_langflow:  # type: ignore[arg-type]
            asked.append(node.now)
    return asked


def ready() -> Node:
    node = Node(make())
    node.rounds(3)
    return node


def test_three_tries_with_growing_pauses_then_a_page() -> None:
    node = ready()
    asked = hang(node, 300)
    assert [round(b - a) for a, b in pairwise(asked)] == [10, 20]
    assert node.state.healing.exhausted


def test_readiness_clears_the_page() -> None:
    node = ready()
    hang(node, 300)
    assert not node.round().state.healing.exhausted


def test_one_that_is_starting_gets_its_time() -> None:
    node = ready()
    node.rounds(2, langflow=FAILED)  # the process is gone, the port refuses
    assert hang(node, 200) == []
    assert hang(node, 60) != []


def _peers_fail(node: Node) -> list[float]:
    ill = {n: view(n, checks={"langflow": False}) for n in ("n2", "n3")}
    return hang(node, 100, views=ill)


def _peers_are_overloaded_too(node: Node) -> list[float]:
    ill = {n: view(n, checks={"langflow": False}) for n in ("n2", "n3")}
    return [at for _ in range(10) for at in hang(node, 9) + hang(node, 2, views=ill)]


def _database_fails(node: Node) -> list[float]:
    node.rounds(2, postgresql=FAILED)
    return hang(node, 100, postgresql=FAILED)


def _share_hangs(node: Node) -> list[float]:
    node.rounds(2, share=TIMED_OUT)
    return hang(node, 100, share=TIMED_OUT)


def _cut_off(node: Node) -> list[float]:
    node.rounds(3, n2=TIMED_OUT, n3=TIMED_OUT)
    return hang(node, 100, n2=TIMED_OUT, n3=TIMED_OUT)


def _maintained(node: Node) -> list[float]:
    node.maintenance = True
    return hang(node, 100)


def _answers_badly(node: Node) -> list[float]:
    asked = []
    for _ in range(200):
        if node.round(langflow=Outcome.FAILED).verdict.restart_langflow:
            asked.append(node.now)
    return asked


@pytest.mark.parametrize(
    "trouble",
    [
        _peers_fail,
        _peers_are_overloaded_too,
        _database_fails,
        _share_hangs,
        _cut_off,
        _maintained,
        _answers_badly,
    ],
)
def test_no_restart_when(trouble: Callable[[Node], list[float]]) -> None:
    assert trouble(ready()) == []
