"""Delivering to a store: POST of JSON lines to VictoriaLogs, over a connection that is kept."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from langflow_ha.node.clock import Clock
from langflow_ha.ship.config import Tls

_METRICS = "/metrics"
_BEGAN = b"\nprocess_start_time_seconds "
PATH = "/insert/jsonline?_stream_fields=node,unit,identifier&_time_field=_time&_msg_field=_msg"

_LONGEST_IDLE = 30.0
"""Seconds after which a new connection is made, before the other side has closed the old one."""
_MOST_OF_AN_ERROR = 300


class Store:
    """One store. The certificate is read at every connection: a renewed one needs no restart."""

    def __init__(self, url: str, tls: Tls, timeout: float, clock: Clock) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._tls, self._timeout, self._clock = tls, timeout, clock
        self._connection: http.client.HTTPSConnection | None = None
        self._used_at = 0.0

    def deliver(self, body: bytes) -> None:
        """Return when the store has acknowledged. Raises `OSError`, and the store may have it then, or not."""
        self._ask("POST", PATH, body)

    def life(self) -> str:
        """Return what tells one process of the store from the next. Raises `OSError` when none answers."""
        _, found, rest = self._ask("GET", _METRICS).partition(_BEGAN)
        if not found:
            raise ConnectionError("the store does not say when it was started")
        return rest.split(b"\n", 1)[0].decode("ascii", "replace")

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        if self._connection and self._clock() - self._used_at > _LONGEST_IDLE:
            self.close()
        if self._connection is None:
            self._connection = self._connect()
        try:
            self._connection.request(method, path, body)
            answer = self._connection.getresponse()
            said = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"no HTTP answer: {error!r}") from error
        if not 200 <= answer.status < 300:
            text = " ".join(said[:_MOST_OF_AN_ERROR].decode("utf-8", "replace").split())
            raise ConnectionError(f"refused with {answer.status}: {text}")
        self._used_at = self._clock()
        return said

    def close(self) -> None:
        """Give the connection up."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=self._tls.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._tls.certificate, self._tls.key)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=self._timeout, context=context
        )
