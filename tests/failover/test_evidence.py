"""A lease is ended on unbroken evidence, and on nothing less."""

from __future__ import annotations

from typing import Any

import pytest
from failover_helpers import Node, cluster, lease, make
from langflow_ha.failover.decide import END
from langflow_ha.failover.model import Ended, Reach
from langflow_ha.failover.witnesses import REACH
from langflow_ha.health.model import Observation, Outcome
from node_helpers import view

LONG = 20
"""Rounds of 0.41 s; 2.0 s of silence are over after six of them."""


def test_the_lease_of_a_dead_leader_is_ended_after_the_silence() -> None:
    node = Node()
    verdicts = [node.round().verdict for _ in range(6)]
    assert [v.end for v in verdicts[:5]] == [None] * 5
    assert verdicts[4].why_not == ("not silent for long enough",)
    assert verdicts[5].end == lease(10)
    assert verdicts[5].evidence["blind"] == ["n2", "n3"]


NOT_ENDED: list[tuple[str, dict[str, Any], str]] = [
    ("no leader", {"state": cluster(lease=None)}, "there is no leader with a lease"),
    ("own", {"state": cluster(lease=lease(leader="n2"))}, "this node is the leader"),
    ("no etcd", {"etcd": False}, "etcd: no fresh linearizable read"),
    ("agent", {"views": {"n1": view("n1", ())}}, "n1: its health agent answers"),
    ("refuses", {"reach": Reach(True, "192.0.2.1 port 22")}, "n1: answers at 192.0.2.1 port 22"),
    ("not tried", {"reach": Reach(False)}, "n1: not tried by every way"),
    ("trial failed", {"reach": None}, "n1: not tried by every way"),
    ("seen by a peer", {"views": {"n3": view("n3", ("n1", "n2"))}}, "n1: seen by n3"),
    ("seen by own agent", {"views": {"n2": view("n2", ("n1", "n3"))}}, "n1: seen by n2"),
    ("no majority", {"views": {"n3": None}}, "fewer than 2 members say"),
    ("own agent dead", {"views": {"n2": None}}, "fewer than 2 members say"),
    ("stale view", {"views": {"n3": view("n3", ("n2",), loop_age=2.0)}}, "fewer than 2 members"),
    ("just started", {"views": {"n3": view("n3", ())}}, "fewer than 2 members say"),
    ("isolated", {"views": {"n3": view("n3", ("n2",), isolated=True)}}, "fewer than 2 members"),
    ("renewed", {"state": cluster(17)}, "the lease may have been renewed just now"),
    ("new etcd leader", {"state": cluster(21)}, "the lease may have been renewed just now"),
    ("paused", {"state": cluster(paused=True)}, "Patroni is paused"),
    ("asynchronous", {"state": cluster(synchronous=False)}, "replication is not synchronous"),
    ("no standby", {"state": cluster(sync_standbys=())}, "no synchronous standby is in reach"),
    ("itself", {"state": cluster(sync_standbys=("n1",))}, "no synchronous standby is in reach"),
    ("standby away", {"state": cluster(sync_standbys=("n9",))}, "no synchronous standby"),
    ("other sync leader", {"state": cluster(sync_leader="n3")}, "the sync key speaks of another"),
]


@pytest.mark.parametrize(
    ("seen", "reason"), [case[1:] for case in NOT_ENDED], ids=[case[0] for case in NOT_ENDED]
)
def test_not_ended(seen: dict[str, Any], reason: str) -> None:
    node = Node()
    for _ in range(LONG):
        verdict = node.round(**seen).verdict
        assert verdict.end is None
    assert any(reason in why for why in verdict.why_not), verdict.why_not


@pytest.mark.parametrize("case", NOT_ENDED, ids=[case[0] for case in NOT_ENDED])
def test_one_doubt_starts_the_silence_anew(case: tuple[str, dict[str, Any], str]) -> None:
    """What was known before stands until it is stale, so a doubt here lasts for four rounds.

    A lease that was renewed need not be silent anew: it has its own time to wait.
    """
    node = Node()
    node.rounds(2)
    for _ in range(4):
        assert node.round(**case[1]).verdict.end is None
    for _ in range(5):
        assert node.round().verdict.end is None or case[0] in ("renewed", "new etcd leader")
    assert node.round().verdict.end is not None


def test_a_renewal_in_between_starts_the_silence_anew() -> None:
    node = Node()
    node.rounds(5, state=cluster(12))
    assert node.round(state=cluster(13)).verdict.end is None
    assert node.rounds(4, state=cluster(12)).verdict.end is None


def test_another_leadership_starts_the_silence_anew() -> None:
    node = Node()
    node.rounds(5)
    other = cluster(lease=lease(id="78", mod_revision="12"))
    assert node.rounds(5, state=other).verdict.end is None
    assert node.round(state=other).verdict.end == other.lease


def test_a_lost_answer_or_two_do_not_matter() -> None:
    node = Node()
    node.rounds(3)
    node.rounds(2, etcd=False, views={"n3": None})
    assert node.round().verdict.end is not None


def test_a_lease_is_ended_once_and_the_next_after_a_rest() -> None:
    node = Node()
    node.rounds(6)
    done = Observation(END, node.now, Outcome.OK, found=Ended("77"))
    verdict = node.round(more=(done,)).verdict
    assert "this lease was ended before" in verdict.why_not
    assert node.rounds(LONG).verdict.end is None
    after = cluster(lease=lease(id="78"))
    assert "this node ended a lease just now" in node.rounds(LONG, state=after).verdict.why_not
    node.now += 60
    assert node.rounds(6, state=after).verdict.end == after.lease
    node.now += 600
    assert node.rounds(LONG).verdict.end is None, "77 again, however much later"


def test_after_a_failed_attempt_the_evidence_builds_up_anew() -> None:
    node = Node()
    node.rounds(6)
    failed = Observation(END, node.now, Outcome.FAILED, "HTTP 503")
    assert [node.round(more=(failed,)).verdict.end] == [None]
    assert node.rounds(4).verdict.end is None
    assert node.round().verdict.end is not None


def test_a_frozen_daemon_forgets() -> None:
    node = Node()
    node.rounds(5)
    assert node.round(step=1.1).verdict.end is None
    assert node.rounds(4).verdict.end is None
    assert node.round().verdict.end is not None


def test_a_freeze_does_not_forget_what_was_done() -> None:
    node = Node()
    node.rounds(6)
    done = Observation(END, node.now, Outcome.OK, found=Ended("77"))
    node.round(step=30.0, more=(done,))
    assert node.state.ended == {"77"} and node.rounds(LONG).verdict.end is None


def test_what_was_seen_before_a_freeze_is_no_evidence_after_it() -> None:
    node = Node()
    node.rounds(3)
    old = Observation(REACH + "n1", node.now, Outcome.OK, found=Reach(True))
    verdict = node.round(step=5.0, reach=None, more=(old,)).verdict
    assert any("not tried by every way" in why for why in verdict.why_not)


def test_only_a_leader_that_misses_a_question_is_tried() -> None:
    node = Node()
    assert node.round(views={"n1": view("n1", ())}).verdict.suspects == frozenset()
    assert node.round(views={"n3": None}).verdict.suspects == {"n1"}
    assert node.round(state=cluster(lease=None)).verdict.suspects == frozenset()


# --- a leader that is cut off ------------------------------------------------------------------

LED = cluster(18, lease=lease(18, leader="n2"), sync_leader="n2", sync_standbys=("n1",))
ALONE = {"n1": None, "n2": view("n2", (), isolated=True), "n3": None}


def test_a_leader_that_is_cut_off_is_fenced_once_and_before_the_others_act() -> None:
    node = Node()
    node.rounds(3, state=LED, views={"n1": view("n1", ("n2", "n3"))})
    cut_at = node.now
    fenced = []
    for _ in range(60):
        if node.round(step=0.1, etcd=False, views=ALONE).verdict.fence:
            fenced.append(node.now - cut_at)
    assert fenced == [pytest.approx(1.9, abs=0.15)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"state": LED}, {"etcd": True, "state": LED}, id="reaches the quorum"),
        pytest.param({"state": LED}, {"views": {"n2": view("n2", ("n3",))}}, id="etcd's outage"),
        pytest.param({"state": LED}, {"views": {"n2": None}}, id="own agent silent"),
        pytest.param({"state": cluster(18)}, {}, id="not the leader"),
        pytest.param({"state": cluster(lease=lease(leader="n2"), paused=True)}, {}, id="paused"),
        pytest.param({"etcd": False}, {}, id="never read"),
    ],
)
def test_not_fenced(before: dict[str, Any], after: dict[str, Any]) -> None:
    node = Node()
    node.rounds(3, **before)
    seen: dict[str, Any] = {"etcd": False, "views": ALONE, **after}
    assert not any(node.round(**seen).verdict.fence for _ in range(LONG))


def test_a_node_without_a_database_is_never_fenced() -> None:
    node = Node(make(fence_request=""))
    node.rounds(3, state=LED)
    assert not any(node.round(etcd=False, views=ALONE).verdict.fence for _ in range(LONG))


def test_a_thawed_leader_knows_nothing_and_is_left_to_patroni() -> None:
    node = Node()
    node.rounds(3, state=LED)
    assert not node.round(step=30.0, etcd=False, views=ALONE).verdict.fence
    assert not any(node.round(etcd=False, views=ALONE).verdict.fence for _ in range(LONG))
