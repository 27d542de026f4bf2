"""Does the shared directory take writes? Asked through a process that hangs in the agent's stead.

A file operation on a hung NFS mount does not end before the server is back: nothing can time it
out, and while it lasts the process can perhaps not even be killed. So a worker does the writing,
and the agent waits for its answer, never for its end.

One worker stays for as long as it answers: a new interpreter every second would cost more than
everything else that the agent does. One that has hung for long is killed and replaced, because it
may hang for a reason that is gone (a mount that was given up by force); of those that not even a
kill has ended there are never more than a few.
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

_REPLACE_AFTER = 30.0
"""Seconds without an answer after which a worker is replaced."""
_MOST_WORKERS = 3
_LONGEST_ANSWER = 4096


class Worker:
    """A process that writes when it is told to."""

    def __init__(self, command: Sequence[str]) -> None:
        # Packets, not a stream: an answer is whole, and none runs into the next.
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno())
        self.asked_at: float | None = None
        """When it got the question that it has not answered; None: it has none."""

    def alive(self) -> bool:
        """Has its process not ended? Collects what is left of one that has."""
        return self.process.poll() is None

    def ask(self, now: float) -> None:
        """Tell it to write. One that has just died says so by its answer."""
        self.asked_at = now
        with suppress(BrokenPipeError):
            self.link.send(b"\n")

    def answer(self, left: float) -> str:
        """What it says within `left` seconds; `TimeoutError` when that is nothing, "" when it is dead."""
        self.link.settimeout(max(left, 0.001))
        try:
            said = self.link.recv(_LONGEST_ANSWER)
        except ConnectionResetError:
            said = b""
        self.asked_at = None
        return said.decode("utf-8", "replace").strip()

    def give_up(self) -> None:
        """Kill it without a wait: one in an uninterruptible sleep dies when it wakes."""
        self.process.kill()
        self.link.close()


class Writer:
    """Writes to one file when asked. Used by one thread."""

    def __init__(
        self,
        path: str,
        start: Callable[[Sequence[str]], Worker] = Worker,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = (sys.executable, "-m", __name__, path)
        self._start = start
        self._clock = clock
        self._worker: Worker | None = None
        self._given_up: list[Worker] = []

    def write(self, timeout: float) -> None:
        """Write, and return when the server has it on disk.

        Raises `OSError` with the cause; `TimeoutError` when there is no answer after `timeout` s.
        """
        end = self._clock() + timeout
        worker = self._ready_worker()
        if worker.asked_at is not None:
            # What it answers now it was asked long ago: only the next answer counts.
            worker.answer(end - self._clock())
        worker.ask(self._clock())
        code, _, text = worker.answer(end - self._clock()).partition(" ")
        if not code:
            raise ConnectionError("the process that writes to the share has died")
        if code != "0":
            # Not OSError(code, …): a time-out that the server reports is an answer, not silence.
            raise ConnectionError(text)

    def _ready_worker(self) -> Worker:
        self._given_up = [worker for worker in self._given_up if worker.alive()]
        worker = self._worker
        if worker is not None and worker.alive() and not self._hopeless(worker):
            return worker
        if worker is not None:
            worker.give_up()
            self._given_up.append(worker)
        self._worker = self._start(self._command)
        return self._worker

    def _hopeless(self, worker: Worker) -> bool:
        """Has it hung for long, and may there be one more?"""
        since = worker.asked_at
        long = since is not None and self._clock() - since >= _REPLACE_AFTER
        return long and len(self._given_up) + 1 < _MOST_WORKERS


def write_through(path: str) -> None:
    """Write the time to the file and wait until the server has it on disk.

    Creates the file, never its directory: a directory that is not there means that the share is not.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.pwrite(descriptor, f"{time.time():.3f}\n".encode("ascii"), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def explain(error: OSError) -> str:
    """Say what an error of the file system means here."""
    meaning = {
        errno.ENOENT: "it is not mounted, or its directory health is gone",
        errno.ESTALE: "the server does not know it any more; mount it again",
        errno.EROFS: "the server takes no writes",
        errno.EACCES: "its directory health is not open to all users",
        errno.ENOSPC: "it is full",
    }.get(error.errno or 0)
    return f"{error.strerror}: {meaning}" if meaning else str(error.strerror or error)


def main(arguments: Sequence[str]) -> int:
    """The worker: one byte in, one write, one answer out (an errno, 0 for none, and its meaning)."""
    # The agent writes, and so does root by hand, who is nobody on the server.
    os.umask(0)
    while os.read(0, 1):
        answer = "0"
        try:
            write_through(arguments[0])
        except OSError as error:
            answer = f"{error.errno or errno.EIO} {explain(error)}"
        os.write(1, answer.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
