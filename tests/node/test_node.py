"""What every program on a node shares: files, journal, the loop under systemd, a daemon's command."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from langflow_ha.node import command
from langflow_ha.node.files import ask_systemd, write_atomically
from langflow_ha.node.journal import INFO, Event, Journal
from langflow_ha.node.loop import Loop
from langflow_ha.node.notify import Notifier
from langflow_ha.node.strict import ConfigError


def test_a_file_is_whole_and_as_open_as_it_was_meant(tmp_path: Path) -> None:
    for mode in (0o600, 0o644):
        write_atomically(tmp_path / "file", f"{mode}\n", mode)
        assert (tmp_path / "file").read_text() == f"{mode}\n"
        assert (tmp_path / "file").stat().st_mode & 0o777 == mode
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_text_and_no_draft(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", "old\n")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "file", "\ud800")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "old\n")]


def test_a_request_is_a_file_and_may_be_repeated(tmp_path: Path) -> None:
    for _ in range(2):
        ask_systemd(tmp_path / "restart")
    assert (tmp_path / "restart").read_bytes() == b""


def test_the_journal_is_bounded(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "events.jsonl", 500, "n1")
    for i in range(50):
        journal.record(Event(INFO, "test", str(i)))
    journal.flush(5.0)
    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == ["events.jsonl", "events.jsonl.1"]
    assert all(f.stat().st_size <= 500 for f in files)
    last = json.loads(files[0].read_text().splitlines()[-1])
    assert (last["detail"], last["node"]) == ("49", "n1")


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(str(tmp_path / "notify"))
        one.settimeout(5.0)
        yield one


def test_notify(tmp_path: Path, systemd: socket.socket) -> None:
    Notifier(str(tmp_path / "notify")).send("READY=1", "STATUS=fit")
    assert systemd.recv(100) == b"READY=1\nSTATUS=fit"
    Notifier("").send("READY=1")


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put back what the loop takes for itself."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_loop_tells_systemd_and_ends_by_a_signal(
    tmp_path: Path,
    systemd: socket.socket,
    handlers: None,
    monkeypatch: pytest.MonkeyPatch,
    ending: signal.Signals,
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    words = iter(["one", "one", "two", "two"])

    def step() -> str:
        word = next(words)
        if word == "two":
            os.kill(os.getpid(), ending)
        return word

    Loop().run(step, pulse=3600.0)
    told = [systemd.recv(100).decode() for _ in range(4)]
    news = ["WATCHDOG=1\nSTATUS=one", "WATCHDOG=1\nSTATUS=two"]
    assert told == ["READY=1", *news, "STOPPING=1"], "the same word is news only at the next pulse"


def test_a_signal_before_the_first_step_ends_the_loop_too(handlers: None) -> None:
    loop = Loop()
    os.kill(os.getpid(), signal.SIGTERM)
    loop.run(lambda: pytest.fail("a step after the signal"), pulse=1.0)


def _load(path: Path) -> str:
    text = path.read_text()
    if text == "bad":
        raise ConfigError("key", text, "write good")
    return text


@pytest.mark.parametrize(
    ("text", "more", "code", "done"),
    [
        ("good", [], 0, ["prepared good", "ran"]),
        ("good", ["--check-config"], 0, []),
        ("bad", [], 2, []),
        ("no secrets", [], 2, []),
        ("no secrets", ["--check-config"], 0, []),
    ],
)
def test_a_daemons_command(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    more: list[str],
    code: int,
    done: list[str],
) -> None:
    said: list[str] = []

    def prepare(settings: str) -> Callable[[], None]:
        if settings == "no secrets":
            raise FileNotFoundError("the secrets")
        said.append(f"prepared {settings}")
        return lambda: said.append("ran")

    (tmp_path / "file").write_text(text)
    argv = ["--config", str(tmp_path / "file"), *more]
    assert command.main("program", Path("/nonexistent"), _load, prepare, argv) == code
    assert said == done
    assert capsys.readouterr().out.startswith("program: " if code else "")


def test_what_breaks_while_it_runs_is_no_wrong_configuration(tmp_path: Path) -> None:
    def run() -> None:
        raise OSError("the port is taken")

    (tmp_path / "file").write_text("good")
    argv = ["--config", str(tmp_path / "file")]
    with pytest.raises(OSError, match="the port is taken"):
        command.main("program", Path("/nonexistent"), _load, lambda _: run, argv)
