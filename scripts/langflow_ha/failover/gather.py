"""The daemon's probes, on the health agent's board: etcd, every member's health agent, and, once
it is suspected, the leader's host by every way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from langflow_ha.failover.config import Config, Host
from langflow_ha.failover.decide import ETCD
from langflow_ha.failover.etcd import Gateway, cluster_state
from langflow_ha.failover.model import Reach
from langflow_ha.failover.reach import who_answers
from langflow_ha.failover.witnesses import AGENT, REACH
from langflow_ha.health.config import Pace
from langflow_ha.health.gather import Probe, Transport, ask_peer


class Suspects:
    """The hosts to try by every way; written by the loop, read by the probes' threads."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()


def probes_for(
    config: Config, transport: Transport, gateway: Gateway, suspects: Suspects
) -> tuple[Probe, ...]:
    """Everything this node has to ask, its own agent included."""
    limits = config.limits
    pace = Pace(limits.poll, limits.timeout, limits.poll, fall=1, fall_timeout=1, rise=1)
    return tuple(
        Probe(check, pace, ask) for check, ask in _questions(config, transport, gateway, suspects)
    )


def _questions(
    config: Config, transport: Transport, gateway: Gateway, suspects: Suspects
) -> Iterator[tuple[str, Callable[[], object]]]:
    timeout = config.limits.timeout
    yield ETCD, lambda: cluster_state(gateway.post, config.key_prefix)
    for member in config.members:
        yield AGENT + member.name, ask_peer(transport, member, config.agent_port, timeout)
    for host in config.hosts:
        if host.name != config.node:
            yield REACH + host.name, every_way(host, suspects, timeout)


def every_way(host: Host, suspects: Suspects, timeout: float) -> Callable[[], Reach]:
    """Only a suspect is tried: a healthy host's services need not log connections of nobody."""

    def ask() -> Reach:
        if host.name not in suspects.names:
            return Reach(asked=False)
        ways = [(address, port) for address in host.addresses for port in host.ports]
        return Reach(asked=True, answered=who_answers(ways, timeout))

    return ask
