"""Decisions of the start guard, and the reading of migration scripts."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

FILES = Path(__file__).parents[2] / "roles/langflow/files"


def load(name: str) -> ModuleType:
    """Import a node-side script from the role's files."""
    spec = importlib.util.spec_from_file_location(name, FILES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


prestart = load("langflow_prestart")

COMPLETE = {
    "LANGFLOW_HOST": "192.0.2.11",
    "LANGFLOW_PORT": "7860",
    "LANGFLOW_PROMETHEUS_PORT": "9190",
    "LANGFLOW_DATABASE_URL": "postgresql://x",
    "LANGFLOW_SECRET_KEY": "k",
    "LANGFLOW_SUPERUSER": "admin",
    "LANGFLOW_SUPERUSER_PASSWORD": "p",
    "LANGFLOW_CONFIG_DIR": "/var/lib/langflow/config",
    "LANGFLOW_STORAGE_TYPE": "s3",
    "LANGFLOW_OBJECT_STORAGE_BUCKET_NAME": "langflow",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "s",
    "LANGFLOW_JOB_QUEUE_TYPE": "redis",
    "LANGFLOW_REDIS_QUEUE_URL": "redis://q",
    "LANGFLOW_RATE_LIMIT_STORAGE_URI": "redis://r",
}
GOOD = {
    "environment": COMPLETE,
    "version": "1.13.0",
    "revisions": ["aa"],
    "known": frozenset({"aa", "bb"}),
}


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({}, 0, "may start; schema: aa"),
        ({"revisions": []}, 0, "empty, will be created"),
        ({"revisions": ["zz"]}, 1, "revision zz, which LangFlow 1.13.0 does not know"),
        ({"revisions": ["aa", "zz"]}, 1, "revision zz"),
        ({"busy": {7860: "Address already in use"}}, 1, "port 7860 is not free"),
        ({"busy": {9190: "Address already in use"}}, 1, "port 9190 is not free"),
        (
            {"environment": {**COMPLETE, "LANGFLOW_SECRET_KEY": ""}},
            1,
            "no value for LANGFLOW_SECRET_KEY",
        ),
        ({"environment": {}}, 1, "LANGFLOW_DATABASE_URL"),
        (
            {"revisions": None, "away": {"the database": "refused"}},
            75,
            "the database does not answer: refused",
        ),
        ({"away": {"the queue": "closed"}}, 75, "the queue does not answer: closed"),
        ({"revisions": None}, 75, "could not be read"),
        # A refusal is told even while something is away: the operator has to act anyhow.
        ({"revisions": ["zz"], "away": {"the queue": "closed"}}, 1, "revision zz"),
    ],
)
def test_decide(change: dict[str, object], code: int, words: str) -> None:
    verdict = prestart.decide(prestart.Seen(**{**GOOD, **change}))
    assert verdict.code == code
    assert words in " ".join(verdict.lines)


def test_keys_of_a_backend_that_is_not_used_are_not_needed() -> None:
    environment = {
        key: value
        for key, value in COMPLETE.items()
        if not key.startswith(("AWS", "LANGFLOW_REDIS", "LANGFLOW_RATE", "LANGFLOW_OBJECT"))
    }
    environment |= {"LANGFLOW_STORAGE_TYPE": "local", "LANGFLOW_JOB_QUEUE_TYPE": "asyncio"}
    assert prestart.missing_keys(environment) == []
    environment["LANGFLOW_JOB_QUEUE_TYPE"] = "redis"
    assert prestart.missing_keys(environment) == [
        "LANGFLOW_RATE_LIMIT_STORAGE_URI",
        "LANGFLOW_REDIS_QUEUE_URL",
    ]


def test_revisions_are_read_without_importing(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('raise SystemExit\nrevision: str = "aa"\ndown_revision = "99"\n')
    (tmp_path / "b.py").write_text('revision = "bb"  # comment\n')
    (tmp_path / "c.py").write_text("revision = compute()\n")
    assert prestart.known_revisions(tmp_path) == {"aa", "bb"}


def test_wait_stops_when_time_is_over_and_when_a_verdict_is_there() -> None:
    away = prestart.Seen(**{**GOOD, "away": {"the queue": "closed"}})
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    assert prestart.wait(lambda: away, 3, clock=lambda: now[0], sleep=sleep).code == 75
    assert now[0] == 3
    looks = iter([away, away, prestart.Seen(**GOOD)])
    assert prestart.wait(lambda: next(looks), 60, clock=lambda: now[0], sleep=sleep).code == 0
    assert (
        prestart.wait(
            lambda: prestart.Seen(environment={}), 60, clock=lambda: now[0], sleep=sleep
        ).code
        == 1
    )


def test_a_share_is_tried_by_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prestart.os.path, "ismount", lambda place: Path(place) == tmp_path)
    files = tmp_path / "files"
    with pytest.raises(FileNotFoundError):
        prestart.try_share(files)
    files.mkdir()
    prestart.try_share(files)
    assert list(files.iterdir()) == []


def test_a_share_that_is_not_mounted_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prestart.os.path, "ismount", lambda place: Path(place) == Path("/"))
    with pytest.raises(OSError, match="the share is not mounted"):
        prestart.try_share(tmp_path)


def test_a_taken_port_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert prestart.port_error("127.0.0.1", port)
    assert prestart.port_error("127.0.0.1", port) is None


@pytest.fixture
def queue() -> Iterator[Callable[[bytes], str]]:
    """A server that answers every message with the given bytes; yields its URL maker."""
    servers: list[socket.socket] = []

    def serve(reply: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                while (said := peer.recv(512)) and reply:
                    peer.sendall(
                        b"+OK\r\n" if b"AUTH" in said and reply.startswith(b"+PONG") else reply
                    )

        threading.Thread(target=answer, daemon=True).start()
        return f"redis://:pw%2F1@127.0.0.1:{server.getsockname()[1]}/1"

    yield serve
    for server in servers:
        server.close()


def test_ping_queue(queue: Callable[[bytes], str]) -> None:
    prestart.ping_queue(queue(b"+PONG\r\n"), 2)
    with pytest.raises(OSError, match="WRONGPASS"):
        prestart.ping_queue(queue(b"-WRONGPASS no\r\n"), 2)
    # The backend proxy accepts and closes while no master is up.
    with pytest.raises(OSError, match=r"closed|reset|Broken"):
        prestart.ping_queue(queue(b""), 2)


@pytest.mark.parametrize(
    ("revisions", "code"), [(["aa"], 0), ([], 0), (["aa", "zz"], 1), (OSError("away"), 75)]
)
def test_whether_a_release_knows_the_schema_is_one_question(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, revisions: list[str] | OSError, code: int
) -> None:
    """What else would speak against a start (a busy port, say) is no matter here."""
    versions = tmp_path / "alembic" / "versions"
    versions.mkdir(parents=True)
    (versions / "a.py").write_text('revision = "aa"\n')

    def read(url: str) -> list[str]:
        assert url == "postgresql://x"
        if isinstance(revisions, OSError):
            raise revisions
        return revisions

    monkeypatch.setattr(prestart, "package_directory", lambda: tmp_path)
    monkeypatch.setattr(prestart, "read_schema", read)
    monkeypatch.setenv("LANGFLOW_DATABASE_URL", "postgresql://x")
    monkeypatch.setattr(sys, "argv", ["prestart", "--knows-schema"])
    assert prestart.main() == code


@pytest.mark.parametrize(
    ("words", "ran"),
    [
        ("schema", "/opt/langflow/current/venv/bin/python -I {lib}/langflow_prestart.py --show-schema"),
        ("--release /r knows-schema", "/r/venv/bin/python -I {lib}/langflow_prestart.py --knows-schema"),
        ("--release /r migration", "/r/venv/bin/langflow migration"),
        ("--release /r --environment /other script x.py", "/r/venv/bin/python -I x.py"),
    ],
)  # fmt: skip
def test_a_command_runs_in_the_release_that_was_asked_for(
    tmp_path: Path, words: str, ran: str
) -> None:
    stand_in = tmp_path / "systemd-run"
    stand_in.write_text('#!/bin/sh\necho "$@"\n')
    stand_in.chmod(0o755)
    done = subprocess.run(
        [FILES / "langflow-admin", *words.split()],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    options, _, command = done.stdout.strip().partition(" -- ")
    assert command == ran.format(lib="/usr/local/lib/langflow-ha")
    assert ("EnvironmentFile=/other" in options) == ("--environment" in words)
