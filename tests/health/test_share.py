"""The share is asked by a process that may hang: the agent never does, and there are never many."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
from helpers import make
from hypothesis import given, settings
from hypothesis import strategies as st
from langflow_ha.health import gather, share
from langflow_ha.health.model import Outcome
from langflow_ha.node.clock import boottime


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the agents write."""
    health = tmp_path / "health"
    health.mkdir()
    return health


@pytest.fixture(autouse=True)
def no_worker_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End every worker: one that hangs does not see that its test is over."""
    started: list[share.Worker] = []
    begin = share.Worker.__init__

    def remember(self: share.Worker, command: Sequence[str]) -> None:
        begin(self, command)
        started.append(self)

    monkeypatch.setattr(share.Worker, "__init__", remember)
    yield
    for worker in started:
        worker.give_up()
        worker.process.wait(60)


def written(file: Path) -> float:
    return float(file.read_text("ascii"))


def test_it_writes_the_time_for_other_nodes_to_read(directory: Path) -> None:
    writer = share.Writer(str(directory / "n1"))
    before = time.time()
    writer.write(60)
    first = written(directory / "n1")
    writer.write(60)
    assert before - 0.01 <= first < written(directory / "n1")
    assert (directory / "n1").stat().st_mode & 0o777 == 0o666


def test_one_worker_serves_many_questions(directory: Path) -> None:
    writer = share.Writer(str(directory / "n1"))
    processes = set()
    for _ in range(5):
        writer.write(60)
        assert writer._worker
        processes.add(writer._worker.process.pid)
    assert len(processes) == 1


def test_an_answer_comes_in_one_piece(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an answer was taken for the next one, and the share for dead."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")  # as the agent's unit has it
    monkeypatch.setattr(share, "_LONGEST_ANSWER", 1)  # as if it was read before the rest came
    worker = share.Worker((sys.executable, "-m", share.__name__, str(directory / "n1")))
    for _ in range(5):
        worker.ask(0)
        assert worker.answer(60) == "0"
        time.sleep(0.02)
        worker.link.setblocking(False)
        with pytest.raises(BlockingIOError):
            worker.link.recv(100)
    worker.give_up()


def test_what_is_not_mounted_is_not_made(tmp_path: Path, directory: Path) -> None:
    directory.rmdir()
    with pytest.raises(ConnectionError, match="it is not mounted"):
        share.Writer(str(directory / "n1")).write(60)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ESTALE, "mount it again"),
        (errno.EROFS, "takes no writes"),
        (errno.ENOSPC, "it is full"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_an_error_says_what_it_means(code: int, words: str) -> None:
    assert words in share.explain(OSError(code, os.strerror(code)))


def test_a_time_out_of_the_server_is_an_answer() -> None:
    """ETIMEDOUT becomes Python's TimeoutError, which would pass for silence."""
    script = ("/bin/sh", "-c", "read x; echo 110 timed out; read x")
    writer = share.Writer("/nowhere", lambda _command: share.Worker(script))
    with pytest.raises(ConnectionError, match="timed out"):
        writer.write(60)


def test_a_worker_that_dies_is_replaced(directory: Path) -> None:
    writer = share.Writer(str(directory / "n1"))
    writer.write(60)
    assert writer._worker
    writer._worker.process.kill()
    writer._worker.process.wait()
    writer.write(60)


def hung(directory: Path) -> Path:
    """A named pipe that nobody reads: whoever opens it for writing waits for ever."""
    pipe = directory / "n1"
    os.mkfifo(pipe)
    return pipe


def test_a_hung_share_times_out_and_answers_again_when_it_wakes(directory: Path) -> None:
    pipe = hung(directory)
    writer = share.Writer(str(pipe))
    for _ in range(3):
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            writer.write(0.3)
        assert time.monotonic() - begun < 30, "it would wait for ever"
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    pipe.unlink()  # the next write finds an ordinary file
    writer.write(60)
    os.close(reader)


def test_the_probe_of_a_hung_share_is_a_failed_probe(directory: Path) -> None:
    hung(directory)
    settings = make(share={"directory": str(directory.parent)})
    (probe,) = [p for p in gather.probes_for(settings, gather.Network()) if p.check == "share"]
    begun = time.monotonic()
    observation = gather.observe(probe, boottime)
    assert time.monotonic() - begun < probe.pace.timeout + 30, "it would wait for ever"
    assert observation.outcome is Outcome.TIMED_OUT


class Fake:
    """A worker that does with a question what the test says, and dies by a kill only if it can."""

    def __init__(self, does: str, mortal: bool) -> None:
        self.does, self.mortal, self.ended = does, mortal, False
        self.asked_at: float | None = None

    def alive(self) -> bool:
        return not self.ended

    def ask(self, now: float) -> None:
        self.asked_at = now

    def answer(self, _left: float) -> str:
        if self.does == "silence":
            raise TimeoutError
        self.asked_at = None
        self.ended = self.ended or self.does == "dies"
        return {"ok": "0", "error": "30 read-only", "dies": ""}[self.does]

    def give_up(self) -> None:
        self.ended = self.ended or self.mortal


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ok", "error", "silence", "dies"]),
            st.booleans(),
            st.sampled_from([0.5, 5.0, 40.0]),
        ),
        max_size=30,
    )
)
@settings(deadline=None)
def test_never_many_workers_and_never_a_wrong_ok(history: list[tuple[str, bool, float]]) -> None:
    """Whatever workers do, killable or not: no more than three, and OK only for a fresh answer."""
    now, workers = 0.0, list[Fake]()

    def start(_command: Sequence[str]) -> share.Worker:
        workers.append(Fake(*next_worker))
        return cast(share.Worker, workers[-1])

    writer = share.Writer("/share", start, clock=lambda: now)
    for does, mortal, pause in history:
        now += pause
        next_worker = does, mortal
        for worker in workers:
            worker.does = does
        said = "ok"
        try:
            writer.write(1.0)
        except TimeoutError:
            said = "silence"
        except ConnectionError as error:
            said = "dies" if "died" in str(error) else "error"
        assert said == does
        assert sum(worker.alive() for worker in workers) <= 3
