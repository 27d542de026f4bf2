"""Whether a member's host is dead, by this node's own trial and by the word of a majority. Pure.

What is missing, stale or contradicted is a sign of life. The reasons for each rule are in
docs/fast-failover.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from langflow_ha.failover.model import Hosts, Reach, Seen
from langflow_ha.health.model import Observation, PeerView

AGENT, REACH = "agent:", "reach:"

S = TypeVar("S", bound=Hosts)


def note(state: S, observation: Observation) -> S:
    """Fold the answer of a health agent, or of a trial by every way, into the state."""
    check, found = observation.check, observation.found
    if check.startswith(REACH):
        name = check.removeprefix(REACH)
        others = {n: seen for n, seen in state.reach.items() if n != name}
        if isinstance(found, Reach):
            others[name] = Seen(observation.at, found)
        return replace(state, reach=others)
    name = check.removeprefix(AGENT)
    if isinstance(found, PeerView):
        views = {**state.views, name: Seen(observation.at, found)}
        return replace(state, views=views, unanswered=state.unanswered - {name})
    return replace(state, unanswered=state.unanswered | {name})


def fresh_views(hosts: Hosts, fresh: float, now: float) -> dict[str, PeerView]:
    """Views of members whose own knowledge was young when they answered, and still is."""
    return {
        name: seen.what
        for name, seen in hosts.views.items()
        if isinstance(seen.what, PeerView) and now - seen.at + max(0.0, seen.what.loop_age) <= fresh
    }


def blind(node: str, views: Mapping[str, PeerView], about: str) -> list[str]:
    """Members that do not see `about`, and whose word counts: they see this node.

    An agent that has just started, or is cut off itself, sees nobody.
    """
    return sorted(
        name
        for name, view in views.items()
        if about not in (name, *view.sees)
        and not view.isolated
        and (name == node or node in view.sees)
    )


def signs_of_life(
    hosts: Hosts, about: str, *, node: str, majority: int, fresh: float, now: float
) -> Iterator[str]:
    """What speaks against `about`'s host being dead, as `node` knows it; nothing = it is dead.

    `majority` is counted over all members; `fresh` in seconds.
    """
    if about not in hosts.unanswered:
        yield f"{about}: its health agent answers, or was not asked yet"
    seen = hosts.reach.get(about)
    reach = seen.what if seen and now - seen.at <= fresh else None
    if not isinstance(reach, Reach) or not reach.asked:
        yield f"{about}: not tried by every way just now"
    elif reach.answered:
        yield f"{about}: answers at {reach.answered}"
    views = fresh_views(hosts, fresh, now)
    if seers := sorted(name for name, view in views.items() if about in view.sees):
        yield f"{about}: seen by {', '.join(seers)}"
    if len(blind(node, views, about)) < majority:
        yield f"fewer than {majority} members say that they do not see {about}"
