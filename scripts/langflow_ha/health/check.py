"""Single checks by hand: the agent's own questions, asked once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from langflow_ha.health import gather
from langflow_ha.health.config import Config
from langflow_ha.health.knowledge import HAPROXY, LANGFLOW, PEER, SHARE, USABLE
from langflow_ha.health.model import Observation, Surroundings
from langflow_ha.node.clock import boottime
from langflow_ha.node.command import OK

FAILED, ABSENT = 1, 3
"""Exit codes besides those of every program: not well; that piece is not on this node."""

NAMES = ("haproxy", "langflow", "postgresql", "valkey", SHARE, "peers", "vip")


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check: an exit code and a line for people."""

    check: str
    code: int
    detail: str


def run(config: Config, name: str, net: gather.Transport) -> list[Result]:
    """Run one check, or with `all` each that this node has."""
    around = gather.look_around(config)
    names = NAMES if name == "all" else (name,)
    results = [_run_one(config, each, net, around) for each in names]
    return [r for r in results if r.code != ABSENT] if name == "all" else results


def _run_one(config: Config, name: str, net: gather.Transport, around: Surroundings) -> Result:
    wanted: Callable[[str], bool] = {
        "haproxy": lambda check: check in (HAPROXY, USABLE),
        "langflow": lambda check: check == LANGFLOW,
        "peers": lambda check: check.startswith(PEER),
        "vip": lambda check: check.startswith(PEER),
    }.get(name, lambda check: check == name)
    seen = [
        gather.observe(probe, boottime)
        for probe in gather.probes_for(config, net)
        if wanted(probe.check)
    ]
    if name == "vip":
        return _vip(config, seen, around)
    if name == "peers":
        return _peers(config, seen)
    if not seen:
        return Result(name, ABSENT, "not on this node")
    bad = [f"{o.check}: {o.detail}" for o in seen if not o.ok]
    return Result(name, FAILED if bad else OK, "; ".join(bad) or "answers")


def _peers(config: Config, seen: list[Observation]) -> Result:
    reached = 1 + sum(o.ok or o.refused for o in seen)
    enough = reached > len(config.members) / 2
    missing = [f"{o.check.removeprefix(PEER)}: {o.detail}" for o in seen if not o.ok]
    detail = "; ".join([f"{reached} of {len(config.members)} in reach", *missing])
    return Result("peers", OK if enough else FAILED, detail)


def _vip(config: Config, seen: list[Observation], around: Surroundings) -> Result:
    if not config.vip_addresses:
        return Result("vip", ABSENT, "not on this node")
    owners = [config.node] if around.vip_held else []
    owners += [o.peer.name for o in seen if o.peer and o.peer.vip_held_for is not None]
    text = f"owned by {', '.join(owners) or 'nobody in reach'}"
    return Result("vip", OK if len(owners) == 1 else FAILED, text)
