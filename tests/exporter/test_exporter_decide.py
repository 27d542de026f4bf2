"""Every run counts once, the cost is bounded, and so is the number of series."""

from __future__ import annotations

from exporter_helpers import EPOCH, Server, make, run
from hypothesis import given, settings
from hypothesis import strategies as st
from langflow_ha.exporter.decide import OTHER, decide
from langflow_ha.exporter.model import BUCKETS, Pending


def total(server: Server) -> int:
    return sum(flow.ok + flow.failed for flow in server.state.flows.values())


def test_what_ended_before_the_start_is_not_counted() -> None:
    server = Server(make())
    server.add(run(1, -10), run(2, -0.5), run(3, 5))
    server.live(0, 60)
    assert server.questions[0][1].since is None
    assert total(server) == 1


def test_runs_are_counted_by_their_result() -> None:
    server = Server(make())
    server.add(run(1, 20), run(2, 21, ok=False, seconds=700.0, tokens=5), run(3, 22, "f2"))
    flows = server.live(0, 60).flows
    first = flows["f1"]
    assert (first.ok, first.failed, first.tokens, first.seconds) == (1, 1, 15, 700.4)
    assert sum(first.buckets) == 1, "700 s is above every bound"
    assert first.buckets[BUCKETS.index(0.5)] == 1
    assert flows["f2"].name == "Flow f2"


def test_a_run_on_a_bound_is_below_it() -> None:
    server = Server(make())
    server.add(run(1, 20, seconds=0.5))
    assert server.live(0, 40).flows["f1"].buckets[BUCKETS.index(0.5)] == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(1, 400), st.floats(0, 40), st.sampled_from(["f1", "f2"])),
        max_size=60,
        unique_by=lambda item: item[0],
    ),
    st.integers(3, 10),
    st.lists(st.integers(0, 500), max_size=3),
)
def test_each_run_is_counted_once(
    runs: list[tuple[float, float, str]], most: int, outages: list[int]
) -> None:
    """However late it is written, however few one look reads, and through outages of the database."""
    server = Server(make(runs=most, share=1.0))
    for number, (ended, late, flow) in enumerate(runs):
        server.add(run(number, ended, flow), late=late if len(runs) < most else 0.0)
    for start in range(0, 600, 10):
        server.error = "away" if any(at <= start < at + 50 for at in outages) else ""
        server.live(start, start + 10)
    server.error = ""
    server.live(600, 1200)
    # The first look only tells the time; it may have been late.
    began = server.state.began or 0.0
    assert total(server) == sum(EPOCH + ended >= began for ended, _, _ in runs)


def test_a_full_look_is_followed_by_the_next_at_once() -> None:
    server = Server(make(runs=10))
    server.add(*(run(i, 20 + i / 100) for i in range(35)))
    server.live(0, 46)
    assert total(server) == 35
    # Every 15 s; then one a second, as often as the share of time allows, until nothing is left.
    assert [at for at, _ in server.questions] == [0.0, 16.0, 32.0, 33.0, 34.0, 35.0]


def test_slow_looks_are_taken_apart() -> None:
    server = Server(make(share=0.01))
    server.took = 2.0
    server.live(0, 1000)
    assert len(server.questions) == 5, "2 s of work in 200 s is one percent"
    quick = Server(make(share=0.01))
    quick.live(0, 1000)
    assert 60 <= len(quick.questions) <= 67, "every 15 s"


def test_one_question_at_a_time() -> None:
    server = Server(make())
    for second in range(100):
        decision = decide(server.config, server.state, [], float(second))
        server.state = decision.state
        assert (decision.ask is None) == (second > 0)


def test_trouble_is_told_and_forgotten() -> None:
    server = Server(make())
    server.error = "no route"
    assert server.live(0, 20).error == "no route"
    assert server.state.failures == 2
    server.error = ""
    state = server.live(20, 60)
    assert (state.error, state.failures) == ("", 2)


def test_flows_without_a_place_are_counted_together() -> None:
    server = Server(make(flows=2))
    server.add(*(run(i, 20 + i, f"f{i}") for i in range(4)))
    flows = server.live(0, 60).flows
    assert set(flows) == {"f0", "f1", OTHER}
    assert (flows[OTHER].ok, flows[OTHER].name) == (2, OTHER)


def test_an_idle_flow_gives_up_its_place() -> None:
    server = Server(make(flows=2))
    server.add(run(1, 20, "old"), run(2, 3700, "busy"), run(3, 3800, "new"))
    assert set(server.live(0, 3900).flows) == {"busy", "new"}


def test_pending_runs_are_bounded_too() -> None:
    server = Server(make(flows=1))
    server.add(run(1, 20, "f1"))
    server.pending = (
        Pending("f1", "Flow f1", "queued", 3, 40.0),
        Pending("f2", "Flow f2", "queued", 2, 90.0),
        Pending("f3", "Flow f3", "queued", 1, 5.0),
    )
    pending = server.live(0, 60).pending
    assert [(p.flow, p.count, p.oldest) for p in pending] == [("f1", 3, 40.0), (OTHER, 3, 90.0)]


def test_the_window_moves() -> None:
    server = Server(make(window=100.0))
    server.add(run(1, 20), run(2, 90))
    assert len(server.live(0, 110).recent) == 2
    assert len(server.live(110, 150).recent) == 1
    assert server.live(150, 250).recent == ()


def test_what_is_remembered_is_bounded() -> None:
    server = Server(make(overlap=60.0))
    server.add(*(run(i, float(i)) for i in range(1, 1000)))
    server.live(0, 1200)
    assert total(server) == 999
    assert server.state.seen == {}
