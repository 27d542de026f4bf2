"""What must hold for every sequence of observations."""

from __future__ import annotations

from itertools import pairwise

from helpers import Node, make, view
from hypothesis import given, settings
from hypothesis import strategies as st
from langflow_ha.health.decide import Decision
from langflow_ha.health.model import Outcome, Standing

CHECKS = ("haproxy", "usable", "langflow", "postgresql", "valkey", "share", "n2", "n3")
OWN = CHECKS[:6]
outcomes = st.fixed_dictionaries({check: st.sampled_from(Outcome) for check in CHECKS})
History = list[tuple[dict[str, Outcome], bool, float, bool]]
rounds = st.lists(
    st.tuples(
        outcomes,
        st.booleans(),
        st.sampled_from([0.2, 0.3, 0.5, 5.0]),
        st.booleans(),
    ),
    max_size=60,
)


def play(node: Node, history: History) -> list[Decision]:
    decisions = []
    for seen, held, step, peers_ill in history:
        node.held = held
        ill = dict.fromkeys(OWN, False)
        views = {n: view(n, fit=False, checks=ill) for n in ("n2", "n3")} if peers_ill else None
        decisions.append(node.round(step=step, views=views, refusing=(), **seen))
    return decisions


@given(rounds)
def test_the_bonus_is_for_a_fit_holder_only(
    history: History,
) -> None:
    for decision in play(Node(make()), history):
        bonus = decision.verdict.weight > 0
        assert bonus == (decision.verdict.fit and decision.state.held_since is not None)


@given(rounds)
def test_every_change_of_weight_has_a_cause(
    history: History,
) -> None:
    """A check turned over, the VIP came or went, or a peer says something new."""

    def causes(decision: Decision) -> object:
        checks = {n: c.up for n, c in decision.state.checks.items()}
        held = decision.state.held_since is not None
        views = {n: (v.checks, v.vip_held_for) for n, v in decision.state.peers.items()}
        reached = {n: c.reached for n, c in decision.state.checks.items()}
        state = decision.state
        return checks, reached, held, state.yielding, state.handing_over, views

    decisions = play(Node(make()), history)
    for before, after in pairwise(decisions):
        if before.verdict.weight != after.verdict.weight:
            assert causes(before) != causes(after)


@given(rounds, st.integers(5, 30))
def test_weight_is_constant_while_all_is_equal(history: History, count: int) -> None:
    """Whatever came before: once all views are equal, the weight settles and stays."""
    node = Node(make())
    play(node, history)
    held, node.held = node.held, False  # Keepalived obeys a fault, if there was one
    node.rounds(4)
    node.held = held
    weights = {node.round().verdict.weight for _ in range(count)}
    assert weights == {40 if node.held else 0}


@given(rounds)
def test_a_fault_means_isolated_or_yielding(
    history: History,
) -> None:
    for decision in play(Node(make()), history):
        fault = decision.verdict.standing in (Standing.ISOLATED, Standing.YIELDING)
        assert (decision.verdict.weight == -254) == fault
        if decision.state.handing_over:
            assert decision.state.held_since is not None


balancers = st.fixed_dictionaries({name: st.sampled_from(Outcome) for name in ("n1", "n2", "n3")})


@given(st.lists(st.tuples(balancers, st.integers(1, 6)), max_size=12))
def test_three_nodes_pass_the_vip_on(history: list[tuple[dict[str, Outcome], int]]) -> None:
    """A whole cluster, with Keepalived as the highest priority that is not in fault."""
    nodes = {name: Node(make(node=name)) for name in ("n1", "n2", "n3")}
    last = {name: node.rounds(3) for name, node in nodes.items()}
    holder = "n1"
    for outcomes, count in history:
        for _ in range(count):
            views = {
                name: view(
                    name,
                    fit=decision.verdict.fit,
                    checks={n: bool(c.up) for n, c in decision.state.checks.items()},
                    vip_held_for=1.0 if name == holder else None,
                )
                for name, decision in last.items()
            }
            new = {}
            for name, node in nodes.items():
                node.held = name == holder
                new[name] = node.round(views=views, haproxy=outcomes[name])
            begin = [n for n in nodes if new[n].state.handing_over]
            begin = [n for n in begin if not last[n].state.handing_over]
            assert begin in ([], [holder])
            if begin:
                assert any(view.fit for name, view in views.items() if name != holder)
            weights = {name: decision.verdict.weight for name, decision in new.items()}
            if not any(d.verdict.fit for d in (*new.values(), *last.values())):
                assert (
                    weights[holder] != -254 or new[holder].state.handed_over_at < nodes[holder].now
                )
            ranks = {n: 200 - i + weights[n] for i, n in enumerate(nodes) if weights[n] != -254}
            assert ranks, "somebody may always hold it"
            fit = [n for n in nodes if new[n].verdict.fit]
            holder, last = max(ranks, key=lambda name: ranks[name]), new
            assert not fit or holder in fit


@given(rounds)
def test_out_of_reach_of_the_majority_is_a_fault(
    history: History,
) -> None:
    node = Node(make())
    play(node, history)
    cut_off = {"n2": Outcome.TIMED_OUT, "n3": Outcome.TIMED_OUT}
    fall = node.config.paces.peer.fall_timeout
    verdict = node.rounds(fall, **cut_off).verdict
    assert (verdict.standing, verdict.weight) == (Standing.ISOLATED, -254)


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.floats(0.2, 1.9)), max_size=40))
@settings(max_examples=40)
def test_never_more_than_three_restarts_in_a_window(
    history: list[tuple[Outcome, float]],
) -> None:
    node = Node(make())
    node.rounds(3)
    window, asked = node.config.healing.window, []
    for outcome, step in history:
        for _ in range(20):  # runs long enough to hang
            if node.round(step=step, langflow=outcome).verdict.restart_langflow:
                asked.append(node.now)
    assert all(sum(at <= t < at + window for t in asked) <= 3 for at in asked)


@given(rounds)
def test_shared_outages_never_say_down(
    history: History,
) -> None:
    node = Node(make())
    everywhere = [(seen, held, step, True) for seen, held, step, _ in history]
    for decision in play(node, everywhere):
        assert not decision.verdict.agent_word.startswith("down")


def with_share(history: History, outcome: Outcome) -> History:
    """The same history, but for the share."""
    return [({**seen, "share": outcome}, held, step, ill) for seen, held, step, ill in history]


@given(rounds)
def test_a_share_never_moves_the_vip(history: History) -> None:
    """With its trouble and without it: the same standing and weight at every step."""

    def verdicts(history: History) -> list[tuple[Standing, int]]:
        return [(d.verdict.standing, d.verdict.weight) for d in play(Node(make()), history)]

    assert verdicts(history) == verdicts(with_share(history, Outcome.OK))


@given(rounds)
def test_a_hung_share_gets_langflow_no_restart(history: History) -> None:
    node = Node(make())
    node.rounds(3, share=Outcome.TIMED_OUT)
    hung = with_share(history, Outcome.TIMED_OUT)
    assert not any(d.verdict.restart_langflow for d in play(node, hung))
