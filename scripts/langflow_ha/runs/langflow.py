"""LangFlow's API: `POST /api/v2/workflows/stop`, in the name of the run's own user.

LangFlow looks a run up among those of the caller, so neither the superuser nor an API key of the kit's could stop
it. The daemon signs an access token for its user, valid for a minute, with the key that LangFlow itself
signs with; the node's root has that key anyway.
"""

from __future__ import annotations

import http.client
import json
import queue
import threading
import time
from collections.abc import Callable, Sequence

from langflow_ha.health.model import Observation, Outcome
from langflow_ha.node.clock import Clock
from langflow_ha.runs.decide import CLOSE
from langflow_ha.runs.model import Closing

TOKEN_S = 60
Sign = Callable[[str], str]
"""From a user's id to an access token."""


def signer(secret_key: str) -> Sign:
    """Sign as LangFlow does (langflow/services/auth/service.py, `create_user_tokens`)."""
    import jwt  # type: ignore[import-not-found,unused-ignore]

    def sign(user: str) -> str:
        claims = {"sub": user, "type": "access", "exp": int(time.time()) + TOKEN_S}
        return str(jwt.encode(claims, secret_key, algorithm="HS256"))

    return sign


def stop(address: str, port: int, token: str, job: str, timeout: float) -> str:
    """Ask one LangFlow to stop a run; return its words. Raises OSError when it did not."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request(
            "POST",
            "/api/v2/workflows/stop",
            json.dumps({"job_id": job}),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        body = answer.read(65536)
        if answer.status != 200:
            raise OSError(f"HTTP {answer.status}: {body[:200].decode(errors='replace')}")
        return str(json.loads(body).get("message", ""))
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(str(error) or type(error).__name__) from error
    finally:
        connection.close()


class Closer:
    """Closes runs in a thread of its own: a LangFlow that hangs must not stop the loop."""

    def __init__(
        self, addresses: Sequence[str], port: int, sign: Sign, timeout: float, clock: Clock
    ) -> None:
        self._addresses = list(addresses)
        self._port = port
        self._sign = sign
        self._timeout = timeout
        self._clock = clock
        self._waiting: queue.SimpleQueue[Closing] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Observation] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="closer", daemon=True).start()

    def ask(self, closing: Closing) -> None:
        """Have a run closed; what came of it is in `results` later."""
        self._waiting.put(closing)

    def results(self) -> list[Observation]:
        """Return what was done since the last call."""
        return [self._done.get() for _ in range(self._done.qsize())]

    def _work(self) -> None:
        while True:
            self._done.put(self.close(self._waiting.get()))

    def close(self, closing: Closing) -> Observation:
        """Ask one LangFlow after the other; the one that answered is asked first the next time."""
        began, trouble = self._clock(), []
        for address in tuple(self._addresses):
            try:
                token = self._sign(closing.user)
                words = stop(address, self._port, token, closing.job, self._timeout)
            except OSError as error:
                trouble.append(f"{address}: {error}")
                continue
            self._addresses.remove(address)
            self._addresses.insert(0, address)
            return Observation(CLOSE, began, Outcome.OK, f"{address}: {words}", found=closing)
        return Observation(CLOSE, began, Outcome.FAILED, "; ".join(trouble), found=closing)
