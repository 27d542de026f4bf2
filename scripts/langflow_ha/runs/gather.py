"""The daemon's probes, on the health agent's board: the queue, every member's health agent, and,
once it is silent, a LangFlow's host by every way. And the start of LangFlow that runs here."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from langflow_ha.failover.gather import Question, Suspects, ask_agents, evenly, try_hosts
from langflow_ha.health.gather import Probe, Transport
from langflow_ha.runs.config import Config
from langflow_ha.runs.decide import QUEUE

_START = re.compile(r"[0-9a-f]{32}")


def probes_for(
    config: Config, transport: Transport, queued: Callable[[], object], suspects: Suspects
) -> tuple[Probe, ...]:
    """Everything this node has to ask, its own agent included."""
    timeout = config.limits.timeout
    others = [host for host in config.langflows if host.name != config.node]
    questions: list[Question] = [
        (QUEUE, queued),
        *ask_agents(transport, config.members, config.agent_port, timeout),
        *try_hosts(others, suspects, timeout),
    ]
    return evenly(questions, config.limits.poll, timeout)


def running_start(link: Path) -> str | None:
    """Return the invocation of the unit that runs, "" for none, None when it cannot be told.

    systemd keeps a dangling link with that name for as long as a unit is active, from before its
    first process until after its last (systemd, `unit_export_invocation_id`).
    """
    try:
        start = str(link.readlink())
    except FileNotFoundError:
        # Without its directory systemd says nothing about any unit.
        return "" if link.parent.is_dir() else None
    except OSError:
        return None
    return start if _START.fullmatch(start) else None
