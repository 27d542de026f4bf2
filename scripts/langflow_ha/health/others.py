"""What speaks against taking the local LangFlow out of traffic. Pure.

Asked before the agent does it by itself, and while it does: the others must be able to carry all.
"""

from __future__ import annotations

from collections.abc import Iterator

from langflow_ha.health.config import Config
from langflow_ha.health.knowledge import (
    HAPROXY,
    LANGFLOW,
    WHOLE,
    fresh_views,
    own_backends_work,
    up,
)
from langflow_ha.health.model import OUT, PeerView, Stage, State, Surroundings


def hindrances(
    config: Config, state: State, around: Surroundings, *, isolated: bool
) -> Iterator[str]:
    """Yield each reason; none means that the others are well and none of them is out."""
    if around.maintenance:
        yield "somebody works on this node"
    if isolated:
        yield "this node is cut off"
    if not own_backends_work(config, state):
        yield "what LangFlow depends on fails here, so it could not start"
    views = fresh_views(config, state)
    yield from (f"{peer.name} is not seen" for peer in config.peers if peer.name not in views)
    for view in views.values():
        yield from _of(view)
    if not any(view.checks.get(LANGFLOW) for view in views.values()):
        yield "no other LangFlow is ready"
    if state.recycling.stage is not Stage.DRAIN:
        yield from _of_claims(config, views)
        yield from _of_balancers(config, state, views)


def _of(view: PeerView) -> Iterator[str]:
    if view.checks.get(LANGFLOW) is False:
        yield f"the LangFlow of {view.name} is not ready"
    if view.stage is None:
        yield f"the agent of {view.name} is older, and tells nothing of restarts"
    elif view.stage in OUT:
        yield f"{view.name} restarts its LangFlow"


def _of_claims(config: Config, views: dict[str, PeerView]) -> Iterator[str]:
    rank = {member.name: i for i, member in enumerate(config.members)}
    for name, view in views.items():
        if view.stage == Stage.CLAIM and rank.get(name, 0) < rank[config.node]:
            yield f"{name} is about to restart its LangFlow"


def _of_balancers(config: Config, state: State, views: dict[str, PeerView]) -> Iterator[str]:
    """The balancers decide who gets traffic, so they know best whether everybody does.

    While this node is out itself they cannot say that any more.
    """
    told = {name: view.checks.get(WHOLE) for name, view in views.items() if HAPROXY in view.checks}
    if config.haproxy:
        told[config.node] = up(state, WHOLE)
    yield from (
        f"{name} sees a LangFlow out of traffic" for name, whole in told.items() if not whole
    )
    if not told:
        yield "no balancer is seen"
