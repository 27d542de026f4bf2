"""What the watcher makes of the words of Valkey and PostgreSQL."""

from __future__ import annotations

import socket
import threading

import pytest
from langflow_ha.drill import node_watch

MASTER = "# Replication\r\nrole:master\r\nconnected_slaves:2\r\nmin_slaves_good_slaves:{}\r\n"


@pytest.mark.parametrize(
    ("replication", "wanted", "writable"),
    [
        (MASTER.format(2), 1, True),
        (MASTER.format(0), 1, False),
        ("role:master\r\nconnected_slaves:0\r\n", 0, True),
        ("role:slave\r\nmaster_link_status:up\r\n", 1, False),
        ("", 0, False),
    ],
)
def test_a_master_without_its_replicas_takes_no_writes(
    replication: str, wanted: int, writable: bool
) -> None:
    assert node_watch.takes_writes(replication, wanted) is writable


class Done(Exception):  # noqa: N818
    pass


def test_one_connection_serves_all_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for the password's and the setting's sake once, and for the role at every sample."""
    asked: list[str] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        link, _ = server.accept()
        with link:
            while line := link.recv(256):
                asked.append(line.decode().split()[0])
                body = MASTER.format(0 if len(asked) > 3 else 1)
                answers = {
                    "AUTH": "+OK\r\n",
                    "CONFIG": "*2\r\n$21\r\nmin-replicas-to-write\r\n$1\r\n1\r\n",
                    "INFO": f"${len(body)}\r\n{body}\r\n",
                }
                link.sendall(answers[asked[-1]].encode())

    threading.Thread(target=serve, daemon=True).start()
    samples: list[tuple[str, bool | None]] = []

    def emit(kind: str, value: bool | None) -> None:
        samples.append((kind, value))
        if len(samples) == 3:
            raise Done

    connect = socket.create_connection
    monkeypatch.setattr(
        socket, "create_connection", lambda *a, **k: connect(server.getsockname(), timeout=5)
    )
    monkeypatch.setattr(node_watch, "emit", emit)
    monkeypatch.setattr(node_watch, "ROLE_INTERVAL_S", 0)
    with pytest.raises(Done):
        node_watch.watch_valkey("127.0.0.1", "secret")
    assert asked == ["AUTH", "CONFIG", "INFO", "INFO", "INFO"]
    assert samples == [("valkey", True), ("valkey", False), ("valkey", False)]
