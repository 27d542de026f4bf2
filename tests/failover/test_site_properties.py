"""What must hold on a whole site, whatever fails: see site_model for what the model knows."""

from __future__ import annotations

import pytest
from failover_helpers import NAMES
from hypothesis import given, settings
from hypothesis import strategies as st
from site_model import STEP, TTL, Site

links = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda x: x[0] != x[1])
conditions = st.sampled_from(["on", "off", "paused", "stopped"])
phases = st.floats(0.0, 2.0).map(lambda x: round(x, 1))
NOTICED = 1.2
"""Seconds after which a daemon has noticed a sign of life: a poll, a time-out and some steps."""


def apply(site: Site, name: str, condition: str) -> None:
    machine = site.machines[name]
    machine.on = condition != "off"
    machine.paused = condition == "paused"
    machine.stopped = condition == "stopped"


@given(
    st.fixed_dictionaries(dict.fromkeys(NAMES, conditions)),
    st.sets(links, max_size=4),
    phases,
)
@settings(max_examples=150, deadline=None)
def test_a_lasting_fault(faults: dict[str, str], blocked: set[tuple[str, str]], at: float) -> None:
    """A leader keeps its lease from a daemon that reaches its host by any way, while the health
    agent of any member of the majority sees its own, and while it renews its lease."""
    site = Site()
    site.run(8 + at)
    for name, condition in faults.items():
        apply(site, name, condition)
    site.blocked = set(blocked)
    site.run(TTL + 5)
    there = [n for n in ("n2", "n3") if site.answers(n, "n1")]
    seers = [n for n in there if site.machines[n].runs and site.machines["n1"].runs]
    for end in site.revoked:
        assert end.by not in there and not seers
        assert end.unrenewed >= 3.0
    if faults["n1"] == "on" and site.readable("n1"):
        assert site.revoked == []


events = st.lists(
    st.tuples(
        st.sampled_from(["machine", "block", "heal", "etcd"]),
        st.sampled_from(NAMES),
        conditions,
        links,
        st.floats(0.1, 4.0),
    ),
    max_size=25,
)


@given(events, st.sampled_from(["n2", "n3", "n2,n3"]))
@settings(max_examples=200, deadline=None)
def test_whatever_happens(
    history: list[tuple[str, str, str, tuple[str, str], float]], standby: str
) -> None:
    """Faults come and go, quicker and slower than the daemon looks."""
    site = Site(standby=standby)
    site.run(5)
    for kind, name, condition, link, pause in history:
        if kind == "machine":
            apply(site, name, condition)
        elif kind == "block":
            site.blocked.add(link)
        elif kind == "heal":
            site.blocked.discard(link)
        else:  # etcd elects another leader
            site.etcd_leader, site.election_ends = None, site.now + 0.5
        site.run(pause)
    for end in site.revoked:
        assert end.unrenewed >= 3.0, "a leader that renews its lease keeps it"
        assert end.by != end.leader
        assert len(site.revoked) == 1, "one leadership, one end"


@given(events)
@settings(max_examples=100, deadline=None)
def test_nobody_ends_a_lease_within_the_silence_of_its_last_sign_of_life(
    history: list[tuple[str, str, str, tuple[str, str], float]],
) -> None:
    site = Site()
    site.run(5)
    for kind, name, condition, link, pause in history:
        if kind == "machine":
            apply(site, name, condition)
        elif kind == "block":
            site.blocked.add(link)
        else:
            site.blocked.discard(link)
        for _ in range(round(pause / STEP)):
            known = dict(site.reachable_at)
            site.step()
            if site.revoked:
                end = site.revoked[0]
                lost = site.machines[end.by].lag
                silence = end.at - known[end.by]
                # By the daemon's own clock; what a pause of itself hides, the second look finds.
                assert silence <= NOTICED or silence >= 2.0 - STEP or lost > 0
                return


@given(
    phases,
    st.booleans(),
    st.sampled_from(["off", "paused"]),
    st.integers(3, 5).filter(lambda n: n != 4),
)
@settings(max_examples=60, deadline=None)
def test_a_dead_host_is_found_in_bounded_time(
    at: float, etcd_leader_too: bool, how: str, size: int
) -> None:
    site = Site(size)
    site.run(8 + at)
    if etcd_leader_too:
        site.etcd_leader = "n1"
    apply(site, "n1", how)
    died = site.now
    site.run(TTL - 5)
    assert [end.leader for end in site.revoked] == ["n1"]
    assert site.revoked[0].at - died <= (7.5 if etcd_leader_too else 5.0)


@given(events, phases)
@settings(max_examples=60, deadline=None)
def test_without_a_synchronous_standby_nothing_is_done(
    history: list[tuple[str, str, str, tuple[str, str], float]], at: float
) -> None:
    site = Site(standby="")
    site.run(5 + at)
    for _, name, condition, link, pause in history:
        apply(site, name, condition)
        site.blocked = {link}
        site.run(pause)
    apply(site, "n1", "off")
    site.run(TTL - 2)
    assert site.revoked == []


@pytest.mark.parametrize("clock_stands", [True, False])
def test_a_daemon_that_stood_still_does_not_act_on_old_knowledge(clock_stands: bool) -> None:
    """The leader comes back, and renews its lease, while the only daemon stands still, with or
    without a trace in its clock; at every moment of the daemon's suspicion."""
    for outage in range(10, 60):
        site = Site()
        site.machines["n3"].daemon = False
        site.run(8)
        site.blocked = {("n1", "n2"), ("n1", "n3")}
        site.run(outage * STEP)
        if site.revoked:
            break
        apply(site, "n2", "paused" if clock_stands else "stopped")
        site.blocked = set()
        site.run(3)
        apply(site, "n2", "on")
        site.run(TTL)
        assert site.revoked == [], f"after an outage of {outage * STEP:.1f} s"
    assert outage >= 30, "a suspicion was interrupted at every moment"
