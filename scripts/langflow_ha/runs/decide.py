"""From what was seen to the queued runs that are closed. Pure: no clock, no socket, no file.

A queued run is in the memory of the process that accepted it, and in no other. Which one that was is noted in its
row (`database.py`): `langflow/<start of the unit>/<node>`. So it can never start once that start of LangFlow is
over, and there are two ways to be certain of that:

- **It is this node's own**, and systemd runs another start of LangFlow here, or none. systemd ends every process of
  a start before it begins the next, and gives no number twice. No clock and no other node has a part in this.
- **It is another node's**, and that node's host is dead, by the same evidence by which the failover of the database
  calls a host dead (`failover/witnesses.py`): no answer to this node at any address and port, not even a refusal,
  and a majority of all members that does not see it, for `silent_for` seconds without a break. A host that is only
  cut off loses its runs under execution to LangFlow's leases in the same time; its queued ones are treated alike.

Everything else is left alone: a run that is noted for a start that runs, however long its queue is; one without a
note, or with a note that fits no node or several; one that a LangFlow has claimed; and all of them while the
queue cannot be read, or was read before the own start was looked up.

Twice does no harm: LangFlow answers a second stop with "already cancelled". So that it is rare, the nodes that could
act for a dead one do so in the order of their names, `stagger` seconds apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from langflow_ha.failover.witnesses import AGENT, REACH, fresh_views, note, signs_of_life
from langflow_ha.health.model import Observation
from langflow_ha.runs.config import Config
from langflow_ha.runs.model import Closing, Decision, Queue, Queued, State, Verdict

QUEUE, CLOSE = "queue", "close"

NAME_BYTES = 63
"""PostgreSQL cuts an application_name off after this (NAMEDATALEN - 1)."""
_NOTE = re.compile(r"langflow/([0-9a-f]{32})/.+", re.DOTALL)


def decide(
    config: Config,
    before: State,
    observations: Sequence[Observation],
    start: str | None,
    now: float,
) -> Decision:
    """Fold `observations` (oldest first) into the state and conclude, at time `now`.

    `start` is the start of LangFlow that runs on this node, "" for none, None when nobody could
    tell. It must have been looked up after the observations were made.
    """
    state, stall = before, config.limits.stall
    if before.decided_at is not None and now - before.decided_at > stall:
        state = State(asked=before.asked)
        observations = [o for o in observations if now - o.at <= stall]
    for observation in observations:
        state = _note(state, observation)
    others = [host.name for host in config.langflows if host.name != config.node]
    silent = [name for name in others if name in state.unanswered]
    signs = {name: tuple(_signs(config, state, name, now)) for name in silent}
    state = replace(
        state,
        decided_at=now,
        gone_since={n: state.gone_since.get(n, now) for n, found in signs.items() if not found},
    )
    orphans, unknown = _orphans(config, state, start, now)
    close = tuple(o for o in orphans if now - state.asked.get(o.job, -1e9) >= config.limits.retry)
    listed = {run.job for run in state.queue.runs} if state.queue else set()
    asked = {job: at for job, at in state.asked.items() if job in listed}
    state = replace(state, asked=asked | {closing.job: now for closing in close})
    return Decision(state, Verdict(close, frozenset(silent), len(orphans), unknown, signs))


def _note(state: State, observation: Observation) -> State:
    if observation.check.startswith((AGENT, REACH)):
        return note(state, observation)
    if isinstance(observation.found, tuple):
        return replace(state, queue=Queue(observation.at, observation.found))
    return state  # the last answer stands until it is stale


def _signs(config: Config, state: State, name: str, now: float) -> Iterator[str]:
    return signs_of_life(
        state,
        name,
        node=config.node,
        majority=config.majority,
        fresh=config.limits.fresh,
        now=now,
    )


def _orphans(
    config: Config, state: State, start: str | None, now: float
) -> tuple[tuple[Closing, ...], int]:
    """Return the runs that can never start, and how many belong to nobody that is known."""
    queue = state.queue
    if queue is None or now - queue.at > config.limits.fresh:
        return (), 0
    found, unknown = [], 0
    for run in queue.runs:
        node, of = accepted(config, run)
        if not node:
            unknown += 1
        elif run.claimed or not run.user:
            continue
        elif why := _why_never(config, state, node, of, start, now):
            found.append(Closing(run.job, run.user, node, why))
    return tuple(found), unknown


def accepted(config: Config, run: Queued) -> tuple[str, str]:
    """Return the node that accepted a run and the start of its LangFlow; "" when that is not certain."""
    match = _NOTE.fullmatch(run.accepted_by)
    if match is None:
        return "", ""
    start = match[1]
    fitting = [h.name for h in config.langflows if noted(start, h.name) == run.accepted_by]
    return (fitting[0], start) if len(fitting) == 1 else ("", "")


def noted(start: str, node: str) -> str:
    """Return what PostgreSQL keeps of the application_name of this start of LangFlow."""
    return f"langflow/{start}/{node}".encode()[:NAME_BYTES].decode(errors="ignore")


def _why_never(
    config: Config, state: State, node: str, of: str, start: str | None, now: float
) -> str:
    """Return why the LangFlow that accepted a run will never start it, "" when it may."""
    if node == config.node:
        if start is None or start == of:
            return ""
        return "LangFlow was started anew" if start else "LangFlow does not run"
    since = state.gone_since.get(node)
    if since is None or now - since < config.limits.silent_for + _turn(config, state, now):
        return ""
    return f"{node} has been dead for {now - since:.1f} s"


def _turn(config: Config, state: State, now: float) -> float:
    """Return the seconds by which this node lets others go first."""
    views = fresh_views(state, config.limits.fresh, now)
    earlier = [h for h in config.langflows if h.name < config.node and h.name in views]
    return len(earlier) * config.limits.stagger
