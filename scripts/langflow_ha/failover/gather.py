"""The daemon's probes, on the health agent's board: etcd, every member's health agent, and, once
it is suspected, the leader's host by every way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from langflow_ha.failover.config import Config, Host
from langflow_ha.failover.decide import ETCD
from langflow_ha.failover.etcd import Gateway, cluster_state
from langflow_ha.failover.model import Reach
from langflow_ha.failover.reach import who_answers
from langflow_ha.failover.witnesses import AGENT, REACH
from langflow_ha.health.config import Pace
from langflow_ha.health.gather import Probe, Transport, ask_peer
from langflow_ha.node.members import Member

Question = tuple[str, Callable[[], object]]
"""Name of a probe, and what it asks."""


class Suspects:
    """The hosts to try by every way; written by the loop, read by the probes' threads."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()


def probes_for(
    config: Config, transport: Transport, gateway: Gateway, suspects: Suspects
) -> tuple[Probe, ...]:
    """Everything this node has to ask, its own agent included."""
    timeout = config.limits.timeout
    others = [host for host in config.hosts if host.name != config.node]
    questions: list[Question] = [
        (ETCD, lambda: cluster_state(gateway.post, config.key_prefix)),
        *ask_agents(transport, config.members, config.agent_port, timeout),
        *try_hosts(others, suspects, timeout),
    ]
    return evenly(questions, config.limits.poll, timeout)


def ask_agents(
    transport: Transport, members: Iterable[Member], port: int, timeout: float
) -> Iterator[Question]:
    """Yield the question for the view of every member's health agent."""
    for member in members:
        yield AGENT + member.name, ask_peer(transport, member, port, timeout)


def try_hosts(hosts: Iterable[Host], suspects: Suspects, timeout: float) -> Iterator[Question]:
    """Yield the trial of each host by every way, for as long as it is suspected."""
    for host in hosts:
        yield REACH + host.name, every_way(host, suspects, timeout)


def evenly(questions: Iterable[Question], poll: float, timeout: float) -> tuple[Probe, ...]:
    """Ask each once in `poll` seconds, whatever was answered: every answer counts by itself."""
    pace = Pace(poll, timeout, poll, fall=1, fall_timeout=1, rise=1)
    return tuple(Probe(check, pace, ask) for check, ask in questions)


def every_way(host: Host, suspects: Suspects, timeout: float) -> Callable[[], Reach]:
    """Only a suspect is tried: a healthy host's services need not log connections of nobody."""

    def ask() -> Reach:
        if host.name not in suspects.names:
            return Reach(asked=False)
        ways = [(address, port) for address in host.addresses for port in host.ports]
        return Reach(asked=True, answered=who_answers(ways, timeout))

    return ask
