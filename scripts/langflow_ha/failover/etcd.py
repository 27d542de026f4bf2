"""The few questions to the local etcd member, through its JSON gateway with a client certificate.

Shapes of requests and answers: etcd's `rpc.proto`; the gateway writes 64-bit numbers as strings,
keys and values in base64, and leaves out what is zero or empty. An answer that lacks something,
or has it in another form, is an error: there is no default for evidence.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from langflow_ha.failover.config import Etcd
from langflow_ha.failover.model import ClusterState, Lease

_LONGEST_ANSWER = 1024 * 1024
_NOT_FOUND = 5
"""gRPC's code for a lease that does not exist."""
_YES = (True, "on", "true", "yes", "1")


class EtcdError(OSError):
    """etcd refused, or answered what it must not. `code` is gRPC's, 0 when there was none."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class Gateway:
    """One kept connection to one member; used by one thread.

    The certificate is read again for each new connection, so that a renewed one needs no restart.
    """

    def __init__(self, etcd: Etcd, timeout: float) -> None:
        self._etcd = etcd
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: object) -> dict[str, Any]:
        """Ask; the decoded answer. Raises `OSError`, `TimeoutError` when the time is over."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request(
                "POST", path, json.dumps(body), {"Content-Type": "application/json"}
            )
            response = self._connection.getresponse()
            status, answer = response.status, response.read(_LONGEST_ANSWER)
            decoded = json.loads(answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise error if isinstance(error, OSError) else EtcdError(f"{path}: {error!r}") from None
        if not isinstance(decoded, dict):
            raise EtcdError(f"{path}: not an object")
        if status != 200:
            code = decoded.get("code")
            text = f"{path}: HTTP {status}: {decoded.get('message') or decoded.get('error')}"
            raise EtcdError(text, code if isinstance(code, int) else 0)
        return decoded

    def close(self) -> None:
        """Drop the connection; the next question makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        context = ssl.create_default_context(cafile=self._etcd.ca_file)
        context.load_cert_chain(self._etcd.certificate, self._etcd.key)
        return http.client.HTTPSConnection(
            self._etcd.address, self._etcd.port, timeout=self._timeout, context=context
        )


Post = Callable[[str, object], Mapping[str, Any]]


def cluster_state(post: Post, key_prefix: str) -> ClusterState:
    """Patroni's keys at one revision, with the rest of the leader's lease.

    One transaction that only reads; without `serializable` etcd makes it linearizable, so an
    answer proves that this member is on the side of the quorum. Raises `OSError`.
    """
    names = ("leader", "sync", "config")
    keys = [_encode(key_prefix + name) for name in names]
    answer = post("/v3/kv/txn", {"success": [{"request_range": {"key": key}} for key in keys]})
    try:
        leader, sync, config = map(_only_pair, _responses(answer, len(keys)), keys)
        if config is None:
            raise EtcdError("Patroni has no configuration in etcd")
        return _parse(post, leader, _json(sync) if sync else {}, _json(config))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EtcdError(f"not an answer of etcd: {error!r}") from None


def revoke(post: Post, lease: str) -> None:
    """End a lease; one that does not exist any more is just as well. Raises `OSError`.

    Safe to do twice, and on two nodes at once: etcd never gives a lease's number again, and a
    Patroni gets a new lease whenever its old one is gone. So a second call can only meet the same
    dead lease, never a later leadership, whoever holds that.
    """
    try:
        post("/v3/lease/revoke", {"ID": lease})
    except EtcdError as error:
        if error.code != _NOT_FOUND:
            raise


def _parse(
    post: Post,
    leader: Mapping[str, Any] | None,
    sync: Mapping[str, Any],
    config: Mapping[str, Any],
) -> ClusterState:
    standbys = sync.get("sync_standby") or ""
    mode = config.get("synchronous_mode", False)
    return ClusterState(
        lease=_lease(post, leader) if leader and leader.get("lease", "0") != "0" else None,
        sync_leader=str(sync.get("leader") or ""),
        sync_standbys=tuple(name.strip() for name in standbys.split(",") if name.strip()),
        synchronous=(mode.lower() if isinstance(mode, str) else mode) in _YES
        and not sync.get("quorum"),
        paused=config.get("pause") not in (None, False),
    )


def _lease(post: Post, pair: Mapping[str, Any]) -> Lease:
    number = str(_number(pair["lease"]))
    left = post("/v3/lease/timetolive", {"ID": number})
    lease = Lease(
        leader=base64.b64decode(pair["value"], validate=True).decode(),
        id=number,
        mod_revision=str(_number(pair["mod_revision"])),
        granted=_number(left["grantedTTL"]),
        remaining=_number(left["TTL"]),
    )
    if str(_number(left["ID"])) != number or not lease.leader or lease.remaining < 0:
        raise ValueError("the lease is another one, or over")
    return lease


def _responses(answer: Mapping[str, Any], count: int) -> list[Mapping[str, Any]]:
    responses = [item["response_range"] for item in answer["responses"]]
    if answer["succeeded"] is not True or len(responses) != count:
        raise ValueError("the transaction did not succeed")
    return responses


def _only_pair(response: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """The pair of a range over one key, None when there is no such key."""
    pairs = response.get("kvs", [])
    if not isinstance(pairs, list) or len(pairs) > 1:
        raise ValueError("not one pair")
    if pairs and pairs[0]["key"] != key:
        raise ValueError("another key than asked for")
    return pairs[0] if pairs else None


def _json(pair: Mapping[str, Any]) -> Mapping[str, Any]:
    value = json.loads(base64.b64decode(pair["value"], validate=True))
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _number(raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        raise TypeError(f"not a number: {raw!r}")
    return int(raw)


def _encode(key: str) -> str:
    return base64.b64encode(key.encode()).decode()
