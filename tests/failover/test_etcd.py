"""The client of etcd's JSON gateway: what lacks something, or is of another form, is an error."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from failover_helpers import PREFIX, b64, lease, make, time_to_live, transaction
from langflow_ha.failover import act
from langflow_ha.failover.etcd import EtcdError, Gateway, cluster_state
from langflow_ha.failover.model import ClusterState, Ended, Lease

NOT_FOUND = {"error": "etcdserver: requested lease not found", "code": 5, "message": "not found"}
UNAVAILABLE = {"error": "etcdserver: request timed out", "code": 14, "message": "timed out"}
TXN, TTL, REVOKE = "/v3/kv/txn", "/v3/lease/timetolive", "/v3/lease/revoke"


class Fake:
    """A gateway with one answer per path; an (HTTP status, body) is an error."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {
            TXN: answers.get("txn", transaction()),
            TTL: answers.get("ttl", time_to_live()),
            REVOKE: answers.get("revoke", {"header": {}}),
        }
        self.asked: list[tuple[str, Any]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.asked.append((self.path, body))
                answer = fake.answers[self.path]
                status, value = answer if isinstance(answer, tuple) else (200, answer)
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Fake, Gateway]]]:
    """A fake etcd and a client of it, without TLS."""
    running: list[Fake] = []

    def start(**answers: Any) -> tuple[Fake, Gateway]:
        fake = Fake(**answers)
        running.append(fake)
        client = Gateway(make().etcd, 2.0)
        plain = HTTPConnection("127.0.0.1", fake.server.server_port, timeout=2.0)
        monkeypatch.setattr(client, "_connect", lambda: plain)
        return fake, client

    yield start
    for fake in running:
        fake.server.shutdown()
        fake.server.server_close()


Start = Callable[..., tuple[Fake, Gateway]]


def test_the_state_is_read_in_one_linearizable_transaction(gateway: Start) -> None:
    fake, client = gateway()
    assert cluster_state(client.post, PREFIX) == ClusterState(
        lease=Lease("n1", "7587886", "9", granted=20, remaining=14),
        sync_leader="n1",
        sync_standbys=("n2",),
        synchronous=True,
        paused=False,
    )
    keys = [b64(PREFIX + name) for name in ("leader", "sync", "config")]
    ranges = [{"request_range": {"key": key}} for key in keys]
    assert fake.asked == [(TXN, {"success": ranges}), (TTL, {"ID": "7587886"})]


@pytest.mark.parametrize(
    ("answer", "field", "value"),
    [
        (transaction(leader=None), "lease", None),
        (transaction(lease_id="0"), "lease", None),
        (transaction(sync={}), "sync_leader", ""),
        (transaction(sync={"leader": None, "sync_standby": None}), "sync_standbys", ()),
        (
            transaction(sync={"leader": "n1", "sync_standby": "n2,n3"}),
            "sync_standbys",
            ("n2", "n3"),
        ),
        (transaction(settings={"synchronous_mode": True, "pause": True}), "paused", True),
        (transaction(settings={"synchronous_mode": True, "pause": "on"}), "paused", True),
        (transaction(settings={"synchronous_mode": True, "pause": False}), "paused", False),
        (transaction(settings={"synchronous_mode": "on"}), "synchronous", True),
        (transaction(settings={"synchronous_mode": "quorum"}), "synchronous", False),
        (transaction(settings={"synchronous_mode": False}), "synchronous", False),
        (transaction(settings={"ttl": 20}), "synchronous", False),
        (
            transaction(sync={"leader": "n1", "sync_standby": "n2,n3", "quorum": 1}),
            "synchronous",
            False,
        ),
    ],
)
def test_what_the_keys_say(gateway: Start, answer: Any, field: str, value: object) -> None:
    _, client = gateway(txn=answer)
    assert getattr(cluster_state(client.post, PREFIX), field) == value


def without(answer: dict[str, Any], *path: str | int) -> dict[str, Any]:
    changed = copy.deepcopy(answer)
    inner: Any = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


def altered(answer: dict[str, Any], value: object, *path: str | int) -> dict[str, Any]:
    changed = copy.deepcopy(answer)
    inner: Any = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


LEADER = ("responses", 0, "response_range", "kvs", 0)


@pytest.mark.parametrize(
    "answers",
    [
        {"txn": without(transaction(), "responses")},
        {"txn": without(transaction(), "succeeded")},
        {"txn": altered(transaction(), False, "succeeded")},
        {"txn": without(transaction(), "responses", 2)},
        {"txn": without(transaction(), "responses", 2, "response_range", "kvs")},
        {"txn": without(transaction(), *LEADER, "mod_revision")},
        {"txn": without(transaction(), *LEADER, "value")},
        {"txn": altered(transaction(), "not base64!", *LEADER, "value")},
        {"txn": altered(transaction(), b64("/service/other/leader"), *LEADER, "key")},
        {"txn": altered(transaction(), True, *LEADER, "lease")},
        {"txn": transaction(sync=["n1"])},  # type: ignore[arg-type]
        {"txn": transaction(sync={"leader": "n1", "sync_standby": ["n2"]})},
        {"txn": transaction(settings=[])},  # type: ignore[arg-type]
        {"txn": []},
        {"txn": b"<html>"},
        {"txn": (503, UNAVAILABLE)},
        {"ttl": without(time_to_live(), "TTL")},
        {"ttl": without(time_to_live(), "grantedTTL")},
        {"ttl": without(time_to_live(), "ID")},
        {"ttl": time_to_live(lease_id="1")},
        {"ttl": time_to_live(remaining=-1)},
        {"ttl": altered(time_to_live(), None, "TTL")},
        {"ttl": altered(time_to_live(), 14.5, "TTL")},
        {"ttl": (404, NOT_FOUND)},
    ],
)
def test_anything_else_is_an_error(gateway: Start, answers: dict[str, Any]) -> None:
    _, client = gateway(**answers)
    with pytest.raises(EtcdError):
        cluster_state(client.post, PREFIX)


def test_a_broken_connection_is_made_anew(gateway: Start) -> None:
    fake, client = gateway(txn=b"not json")
    with pytest.raises(EtcdError):
        cluster_state(client.post, PREFIX)
    fake.answers[TXN] = transaction()
    assert cluster_state(client.post, PREFIX).lease is not None


def test_nobody_there_is_an_error() -> None:
    with pytest.raises(OSError):  # noqa: PT011 which one, the machine's network decides
        Gateway(make().etcd, 0.2).post(TXN, {})


# --- ending a lease ----------------------------------------------------------------------------

MEANT = lease(15, id="7587886")


def end(client: Gateway) -> Any:
    return act.end_lease(client.post, PREFIX, MEANT, 3.0, lambda: 1.0)


@pytest.mark.parametrize("revoke", [{"header": {}}, (404, NOT_FOUND)], ids=["done", "gone"])
def test_a_lease_is_looked_at_once_more_and_ended(gateway: Start, revoke: Any) -> None:
    fake, client = gateway(revoke=revoke)
    result = end(client)
    assert result.found == Ended("7587886") and result.ok
    assert [path for path, _ in fake.asked] == [TXN, TTL, REVOKE]
    assert fake.asked[-1][1] == {"ID": "7587886"}


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param({"txn": transaction(lease_id="8")}, id="another lease"),
        pytest.param({"txn": transaction(leader="n3")}, id="another leader"),
        pytest.param({"txn": transaction(leader=None)}, id="no leader"),
        pytest.param(
            {"txn": altered(transaction(), "10", *LEADER, "mod_revision")}, id="key written"
        ),
        pytest.param({"txn": transaction(settings={"pause": True})}, id="paused"),
        pytest.param({"ttl": time_to_live(19)}, id="renewed"),
        pytest.param({"ttl": time_to_live(16)}, id="renewed and running out again"),
        pytest.param({"ttl": (500, UNAVAILABLE)}, id="no answer"),
    ],
)
def test_a_leadership_that_changed_meanwhile_is_kept(gateway: Start, answers: Any) -> None:
    fake, client = gateway(**answers)
    if "lease_id" in str(answers):
        fake.answers[TTL] = time_to_live(lease_id="8")
    result = end(client)
    assert not result.ok and result.found is None and result.detail
    assert REVOKE not in [path for path, _ in fake.asked]


def test_a_refused_end_is_reported(gateway: Start) -> None:
    _, client = gateway(revoke=(403, {"error": "etcdserver: permission denied", "code": 7}))
    result = end(client)
    assert not result.ok and "permission denied" in result.detail
