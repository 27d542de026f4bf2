"""The client's ways to the cluster: one light request over a fresh connection, and the API."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from langflow_ha.drill import flows
from langflow_ha.drill.model import Acknowledged

CONNECT_S = 1.0
REQUEST_S = 10.0
PAGE_S = 3.0
FLOW_PREFIX = "drill-"
KEY_NAME = f"{FLOW_PREFIX}key"
SESSIONS_AT_ONCE = 500
"""What LangFlow takes in one request (langflow/api/v1/monitor.py)."""


class ApiError(Exception):
    """LangFlow refused something that must work before a drill; the text has the call and the answer."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a verifying TLS context; the CA is the site's own, or the system's when None."""
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.set_alpn_protocols(["http/1.1"])
    return context


async def fetch_fresh(url: str, context: ssl.SSLContext | None) -> tuple[int, str]:
    """GET `url` over a connection of its own, as a new user does; return status and `x-served-by`.

    Written on bare streams: twenty TLS clients a second must not cost more than the cluster's own
    work on a small machine. Raises OSError (TimeoutError included) and ValueError.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    async with asyncio.timeout(PAGE_S):
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(
                host, port, ssl=context if parts.scheme == "https" else None
            )
        try:
            name = f"[{host}]" if ":" in host else host
            writer.write(
                f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {name}\r\n"
                "Accept: */*\r\nConnection: close\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.read(65536)
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("closed before the answer") from error
        finally:
            # The transport alone: waiting for the TLS farewell of a dead balancer takes 30 s.
            with contextlib.suppress(OSError, RuntimeError):
                writer.transport.abort()
    lines = head.decode("latin-1").split("\r\n")
    headers = {
        k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])
    }
    return int(lines[0].split()[1]), headers.get("x-served-by", "")


def client(url: str, ca_file: Path | None) -> httpx.AsyncClient:
    """Return a keep-alive HTTP/1.1 client with the load's time-outs, blind to proxy variables."""
    return httpx.AsyncClient(
        base_url=url,
        verify=tls_context(ca_file),
        timeout=httpx.Timeout(REQUEST_S, connect=CONNECT_S),
        # No limit: waiting for a connection inside the client would hide how long the cluster takes.
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=10),
        trust_env=False,
    )


def background_state(status: int, body: Any) -> str:
    """Return what LangFlow's answer about a background run says of its state, "" for nothing.

    A run that failed or timed out is told by an error (langflow/api/v2/workflow.py,
    `get_workflow_status`); any other error is not about the run.
    """
    if not isinstance(body, dict):
        return ""
    if status == 200:
        return str(body.get("status") or "")
    detail = body.get("detail")
    code = detail.get("code") if isinstance(detail, dict) else ""
    return {
        "JOB_FAILED": "failed",
        "EXECUTION_TIMEOUT": "timed_out",
        "JOB_NOT_FOUND": "not found",
    }.get(str(code), "")


class Api:
    """The few calls of LangFlow's API that the drills make, as the superuser."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.token = ""
        self.key = ""
        self.key_id = ""
        self.echo_id = ""
        self.webhook_id = ""
        self._credentials: dict[str, str] = {}

    @property
    def bearer(self) -> dict[str, str]:
        """Headers of a logged-in user."""
        return {"Authorization": f"Bearer {self.token}"}

    async def _call(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = await self.http.request(method, path, **more)
        if answer.status_code >= 300:
            text = f"{method} {path} answered {answer.status_code}: {answer.text[:200]}"
            raise ApiError(text, answer.status_code)
        return answer

    async def login(self, user: str, password: str) -> None:
        """Log in once; the login is rate-limited, so the token is kept for the whole session."""
        self._credentials = {"username": user, "password": password}
        answer = await self._call("POST", "/api/v1/login", data=self._credentials)
        self.token = str(answer.json()["access_token"])

    async def log_in_again(self) -> httpx.Response:
        """Log in as another browser would and return the whole answer; the session keeps its token."""
        return await self.http.post("/api/v1/login", data=self._credentials)

    async def prepare(self) -> None:
        """Make an API key and the flows for the load. Needs a login."""
        answer = await self._call(
            "POST", "/api/v1/api_key/", headers=self.bearer, json={"name": KEY_NAME}
        )
        self.key = str(answer.json()["api_key"])
        self.key_id = str(answer.json()["id"])
        self.echo_id = await self.import_flow(f"{FLOW_PREFIX}echo", replace=True)
        self.webhook_id = await self.import_flow(
            f"{FLOW_PREFIX}webhook", replace=True, document=flows.webhook()
        )

    async def import_flow(
        self, name: str, *, replace: bool = False, document: dict[str, Any] | None = None
    ) -> str:
        """Import a flow, by default the echo flow, as `name` and return its id; an existing one is used as it is."""
        if replace and (found := (await self.flow_names()).get(name)):
            return found
        answer = await self._call(
            "POST",
            "/api/v1/flows/",
            headers=self.bearer,
            json={**(document or flows.echo()), "name": name},
        )
        return str(answer.json()["id"])

    async def run_echo(self, text: str) -> httpx.Response:
        """Run the echo flow through the API key and return the whole answer, whatever its status."""
        return await self.http.post(
            f"/api/v1/run/{self.echo_id}",
            params={"stream": "false"},
            headers={"x-api-key": self.key},
            json={"input_value": text, "input_type": "chat", "output_type": "chat"},
        )

    def stream_echo(self, text: str) -> AbstractAsyncContextManager[httpx.Response]:
        """Run the echo flow as a stream of events; the context holds the answer, unread."""
        return self.http.stream(
            "POST",
            f"/api/v1/run/{self.echo_id}",
            params={"stream": "true"},
            headers={"x-api-key": self.key},
            json={"input_value": text, "input_type": "chat", "output_type": "chat"},
        )

    async def post_webhook(self, token: str) -> httpx.Response:
        """Trigger the webhook flow; the answer comes before the run, and names none."""
        return await self.http.post(
            f"/api/v1/webhook/{self.webhook_id}",
            headers={"x-api-key": self.key},
            json={"token": token},
        )

    async def webhook_messages(self) -> list[str]:
        """Return what the webhook flow has stored: one text for each time it ran."""
        answer = await self._call(
            "GET",
            "/api/v1/monitor/messages",
            headers=self.bearer,
            params={"flow_id": self.webhook_id},
        )
        return [str(message.get("text")) for message in answer.json()]

    async def submit_background(self, token: str, flow: str = "") -> httpx.Response:
        """Queue a run, by default of the echo flow; `token` is its input, its session and its idempotency key."""
        return await self.http.post(
            "/api/v2/workflows",
            headers={"x-api-key": self.key},
            json={
                "flow_id": flow or self.echo_id,
                "input_value": token,
                "session_id": token,
                "idempotency_key": token,
                "mode": "background",
            },
        )

    async def background_state(self, job: str) -> str:
        """Return the state of a background run; "" when LangFlow could not say it now."""
        answer = await self.http.get(
            "/api/v2/workflows", params={"job_id": job}, headers={"x-api-key": self.key}
        )
        return background_state(answer.status_code, answer.json())

    async def executions(self, token: str) -> int:
        """Return how often the run with this input ran: an execution stores one message per speaker."""
        answer = await self._call(
            "GET",
            "/api/v1/monitor/messages",
            headers=self.bearer,
            params={"session_id": token},
        )
        speakers = Counter(str(message.get("sender")) for message in answer.json())
        return max(speakers.values(), default=0)

    async def forget_sessions(self, tokens: Sequence[str]) -> None:
        """Delete what background runs stored as messages."""
        for start in range(0, len(tokens), SESSIONS_AT_ONCE):
            await self.http.request(
                "DELETE",
                "/api/v1/monitor/messages/sessions",
                headers=self.bearer,
                json=list(tokens[start : start + SESSIONS_AT_ONCE]),
            )

    async def post_flow(self, name: str) -> httpx.Response:
        """Create an empty flow and return the whole answer."""
        return await self.http.post(
            "/api/v1/flows/",
            headers=self.bearer,
            json={"name": name, "data": {"nodes": [], "edges": []}},
        )

    async def upload(self, name: str, content: bytes) -> httpx.Response:
        """Store a file and return the whole answer; the store's object has the same name."""
        return await self.http.post(
            "/api/v2/files/",
            headers=self.bearer,
            files={"file": (name, content, "text/plain")},
        )

    async def describe(self, flow: str, text: str) -> httpx.Response:
        """Set a flow's description and return the whole answer."""
        return await self.http.patch(
            f"/api/v1/flows/{flow}", headers=self.bearer, json={"description": text}
        )

    async def description(self, flow: str) -> str:
        """Return a flow's description; "" when the flow is gone."""
        try:
            answer = await self._call("GET", f"/api/v1/flows/{flow}", headers=self.bearer)
        except ApiError as error:
            if error.status == 404:
                return ""
            raise
        return str(answer.json().get("description") or "")

    async def flow_names(self) -> dict[str, str]:
        """Return name → id of every flow of the user."""
        answer = await self._call(
            "GET",
            "/api/v1/flows/",
            headers=self.bearer,
            params={"get_all": "true", "header_flows": "true", "remove_example_flows": "true"},
        )
        return {str(flow["name"]): str(flow["id"]) for flow in answer.json()}

    async def file_names(self) -> dict[str, str]:
        """Return id → name of every file of the user."""
        answer = await self._call("GET", "/api/v2/files/", headers=self.bearer)
        return {str(file["id"]): str(file["name"]) for file in answer.json()}

    async def key_names(self) -> dict[str, str]:
        """Return id → name of every API key of the user."""
        answer = await self._call("GET", "/api/v1/api_key/", headers=self.bearer)
        return {str(key["id"]): str(key["name"]) for key in answer.json()["api_keys"]}

    async def forget_key(self, key: str) -> None:
        """Delete an API key by its id."""
        await self._call("DELETE", f"/api/v1/api_key/{key}", headers=self.bearer)

    async def missing(self, writes: list[Acknowledged]) -> list[Acknowledged]:
        """Return the acknowledged writes that the cluster no longer has, or has with other content."""
        flows = {id_: name for name, id_ in (await self.flow_names()).items()}
        lost = [w for w in writes if w.kind == "flow" and flows.get(w.id) != w.proof]
        for write in (w for w in writes if w.kind == "file"):
            answer = await self.http.get(f"/api/v2/files/{write.id}", headers=self.bearer)
            if answer.status_code == 404:
                lost.append(write)
            elif answer.status_code != 200:
                raise ApiError(f"GET /api/v2/files/{write.id} answered {answer.status_code}")
            elif hashlib.sha256(answer.content).hexdigest() != write.proof:
                lost.append(write)
        return lost

    async def clean(self, writes: list[Acknowledged]) -> None:
        """Delete what a drill wrote, so that a hundred drills leave no heap behind."""
        flows = [w.id for w in writes if w.kind == "flow"]
        stored = [w.id for w in writes if w.kind == "file"]
        if flows:
            await self._call("DELETE", "/api/v1/flows/", headers=self.bearer, json=flows)
        if stored:
            await self._call("DELETE", "/api/v2/files/batch/", headers=self.bearer, json=stored)

    async def close(self) -> None:
        """Remove the API key and close the connections; a cluster that is away does not matter here."""
        with contextlib.suppress(httpx.HTTPError, ApiError):
            if self.key_id:
                await self.forget_key(self.key_id)
        await self.http.aclose()
