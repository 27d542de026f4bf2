"""The daemon on loopback: what it answers, and that nobody who hangs holds it up."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langflow_ha.page.assets import POLICY
from langflow_ha.page.server import Server
from page_helpers import GROUPS, alert, config, report

# On a busy machine everything takes long; what is about waiting waits for less.
LIMITS = {"fresh": 0.3, "connect": 20.0, "report": 20.0, "answer": 25.0}
SHORT = {"fresh": 0.3, "connect": 0.3, "report": 0.6, "answer": 0.9}


class Unit(socketserver.ThreadingUnixStreamServer):
    """Stands for root's unit: answers with `text` after `delay` seconds, and counts the questions."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.text, self.delay, self.asked = json.dumps(report("n2")), 0.0, 0
        super().__init__(str(path), Answering)


class Answering(socketserver.BaseRequestHandler):
    server: Unit

    def handle(self) -> None:
        self.server.asked += 1
        time.sleep(self.server.delay)
        with contextlib.suppress(BrokenPipeError):
            self.request.sendall(self.server.text.encode())


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    with Unit(tmp_path / "report.sock") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextlib.contextmanager
def serving(unit_path: str, **changes: Any) -> Iterator[Server]:
    nodes = [{"name": "n2", "address": "127.0.0.1", "groups": GROUPS}]
    values = {"nodes": nodes, "limits": LIMITS, "report_socket": unit_path, **changes}
    server = Server(config(**values))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(unit: Unit) -> Iterator[Server]:
    with serving(str(unit.server_address)) as made:
        yield made


def get(port: int, path: str, method: str = "GET") -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_the_page_and_its_headers(server: Server) -> None:
    status, headers, body = get(server.port, "/ha/?x=1")
    assert status == 200
    assert b"Yes: a failover" not in body and b"at its own address" in body
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    status, headers, empty = get(server.port, "/ha/", "HEAD")
    assert (status, empty) == (200, b"") and int(headers["Content-Length"]) > 5000


def test_json_report_and_the_rest(server: Server) -> None:
    status, headers, body = get(server.port, "/ha/status.json")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body)["served_by"] == "n2"
    assert json.loads(get(server.port, "/report")[2]) == report("n2")
    assert get(server.port, "/alive")[0] == 200
    assert get(server.port, "/ha/../etc/passwd")[0] == 404
    assert get(server.port, "/")[0] == 404
    status, headers, _ = get(server.port, "/ha/", "POST")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_a_node_without_the_page_serves_its_report(unit: Unit) -> None:
    with serving(str(unit.server_address), page=False) as server:
        assert get(server.port, "/report")[0] == 200
        assert get(server.port, "/ha/")[0] == 404
        assert get(server.port, "/ha/status.json")[0] == 404


def test_many_readers_are_one_question(server: Server, unit: Unit) -> None:
    unit.delay = 0.2
    threads = [threading.Thread(target=get, args=(server.port, "/ha/")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert unit.asked == 1
    time.sleep(LIMITS["fresh"])
    get(server.port, "/ha/")
    assert unit.asked == 2, "an old answer is none"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "its report is empty"),
        ("half of", "the report is no JSON"),
        ("[]", "the report is no JSON object"),
    ],
)
def test_a_report_that_cannot_be_had(server: Server, unit: Unit, text: str, reason: str) -> None:
    unit.text = text
    told = json.loads(get(server.port, "/report")[2])
    assert reason in told["error"]
    assert reason.encode() in get(server.port, "/ha/")[2]


def test_a_report_that_hangs_is_not_waited_for(unit: Unit) -> None:
    unit.delay = 5.0
    with serving(str(unit.server_address), limits=SHORT) as server:
        told = json.loads(get(server.port, "/report")[2])
        assert told["error"] == "it runs, but had no report in 0.6 s"


def test_with_everything_dead_there_is_still_a_page() -> None:
    with serving("/nonexistent/report.sock") as server:
        status, _, body = get(server.port, "/ha/")
    assert status == 200
    assert b"Broken now, and no failover is possible" in body
    assert b"n2 does not answer: it runs, but its report cannot be had" in body
    assert b"/nonexistent" not in body


def test_a_page_that_cannot_be_made_says_where_to_look(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langflow_ha.page.render.html", lambda page: page.nothing)
    status, headers, body = get(server.port, "/ha/")
    assert (status, headers["Cache-Control"]) == (500, "no-store")
    assert b"journalctl -u langflow-ha-page on n2" in body


def test_nobody_who_hangs_holds_up_the_page(unit: Unit) -> None:
    # Accepts by the kernel's backlog and never answers; one that accepts nothing cannot be had on loopback.
    with socket.create_server(("127.0.0.2", 0)) as frozen:
        port = frozen.getsockname()[1]
        nodes = [
            {"name": "n2", "address": "127.0.0.1", "groups": GROUPS},
            {"name": "n3", "address": "127.0.0.2", "groups": GROUPS},
            {"name": "n4", "address": "127.0.0.3", "groups": GROUPS},
        ]
        alertmanagers = [f"http://127.0.0.2:{port}"]
        path = str(unit.server_address)
        limits = {**SHORT, "report": 3.0, "answer": 4.0}
        with serving(
            path, nodes=nodes, port=port, alertmanagers=alertmanagers, limits=limits
        ) as server:
            started = time.monotonic()
            told = json.loads(get(server.port, "/ha/status.json")[2])
            took = time.monotonic() - started
    errors = {node["name"]: node["error"] for node in told["nodes"]}
    assert errors["n2"] == ""
    assert errors["n3"] == "no answer in 4 s"
    assert "refuses the connection" in errors["n4"]
    assert "no answer in 4 s" in told["alerting"]["error"]
    assert limits["answer"] <= took < limits["answer"] + 2


def test_a_neighbours_report_and_its_reason(unit: Unit) -> None:
    nodes = [
        {"name": "n2", "address": "127.0.0.1", "groups": GROUPS},
        {"name": "n3", "address": "127.0.0.2", "groups": GROUPS},
    ]
    path = str(unit.server_address)
    for socket_of_other, reason in ((path, ""), ("/nonexistent", "its report cannot be had")):
        other = serving(socket_of_other, node="n3", listen_address="127.0.0.2", nodes=nodes)
        with other as neighbour, serving(path, nodes=nodes, port=neighbour.port) as server:
            told = json.loads(get(server.port, "/ha/status.json")[2])
        own, foreign = (node["error"] for node in told["nodes"])
        assert own == ""
        assert reason in foreign and bool(foreign) == bool(reason)


def test_alerts_of_an_alertmanager_that_answers(unit: Unit, tmp_path: Path) -> None:
    class Alertmanager(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline()
            body = json.dumps([alert("NodeDown", "critical", "gone")]).encode()
            found = b"200 OK" if line.startswith(b"GET /api/v2/alerts ") else b"404 Not Found"
            self.wfile.write(b"HTTP/1.0 " + found + b"\r\n\r\n" + body)

    with socketserver.TCPServer(("127.0.0.1", 0), Alertmanager) as alertmanager:
        threading.Thread(target=alertmanager.serve_forever, daemon=True).start()
        urls = ["http://127.0.0.1:1", f"http://127.0.0.1:{alertmanager.server_address[1]}/"]
        with serving(str(unit.server_address), alertmanagers=urls) as server:
            told = json.loads(get(server.port, "/ha/status.json")[2])
        alertmanager.shutdown()
    assert [a["name"] for a in told["alerting"]["firing"]] == ["NodeDown n1"]


def test_the_loop_is_seen_to_turn_and_to_stand(server: Server) -> None:
    assert server.turns(2.0)
    server.stop()
    time.sleep(0.1)
    assert not server.turns(0.2)
