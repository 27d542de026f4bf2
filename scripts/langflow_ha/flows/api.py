"""LangFlow's API, as far as flows need it (LangFlow 1.13: langflow/api/v1)."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from langflow_ha.flows.documents import KEPT
from langflow_ha.flows.model import Flow, FlowsError

TIMEOUT = 120.0
"""Seconds for one answer; a LangFlow under load took more than 60."""
LONGEST_REASON = 400
KEY_NAME = "flows as code"


class RefusedError(FlowsError):
    """LangFlow answered with an error."""

    def __init__(self, what: str, status: int, reason: str) -> None:
        super().__init__(f"{what}: HTTP {status}: {reason[:LONGEST_REASON]}")
        self.status = status


@contextmanager
def afterwards(action: Callable[[], None]) -> Iterator[None]:
    """Do something after a block, whatever comes of it; when both fail, both are told."""
    try:
        yield
    except BaseException as first:
        try:
            action()
        except FlowsError as second:
            raise FlowsError(f"{first}\nand after that: {second}") from first
        raise
    action()


class Langflow:
    """One LangFlow, in the name of one user: LangFlow 1.13 shows each user only their own flows."""

    def __init__(self, url: str, user: str, ca_file: str = "") -> None:
        self.user = user
        self._url = url.rstrip("/")
        self._token = ""
        tls = ssl.create_default_context(cafile=ca_file or None)
        # No proxy of the environment: the node itself is asked.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
        )

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> Any:
        what = f"{method} {path.split('?')[0]}"
        request = urllib.request.Request(  # noqa: S310 - the address is the operator's
            f"{self._url}/api/v1/{path}", data=body, method=method, headers=dict(headers or {})
        )
        if self._token and "x-api-key" not in (headers or {}):
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                raw = answer.read()
            return json.loads(raw) if raw else None
        except urllib.error.HTTPError as error:
            raise RefusedError(
                what, error.code, error.read(65536).decode(errors="replace")
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise FlowsError(f"{what}: {self._url} does not answer: {reason}") from error

    def _send(self, method: str, path: str, value: object, **more: Any) -> Any:
        headers = {"Content-Type": "application/json", **more.pop("headers", {})}
        return self._call(method, path, json.dumps(value).encode(), headers, **more)

    def log_in(self, password: str) -> None:
        """Log in; raises FlowsError when name or password are wrong."""
        form = urllib.parse.urlencode({"username": self.user, "password": password}).encode()
        try:
            answer = self._call(
                "POST", "login", form, {"Content-Type": "application/x-www-form-urlencoded"}
            )
        except RefusedError as error:
            if error.status in (400, 401, 403):
                raise FlowsError(
                    f"LangFlow does not let {self.user!r} in: check flows_user and flows_password"
                ) from error
            raise
        self._token = str(answer["access_token"])

    @contextmanager
    def api_key(self) -> Iterator[str]:
        """Hold an API key: LangFlow runs flows for nothing else."""
        made = self._send("POST", "api_key/", {"name": KEY_NAME})
        with afterwards(lambda: self._remove_key(str(made["id"]))):
            yield str(made["api_key"])

    def _remove_key(self, identity: str) -> None:
        try:
            self._call("DELETE", f"api_key/{identity}")
        except FlowsError as error:
            raise FlowsError(
                f"{error}\nremove the API key {KEY_NAME!r} in LangFlow's settings"
            ) from error

    def projects(self) -> dict[str, str]:
        """Return the user's projects, id → name."""
        return {str(found["id"]): str(found["name"]) for found in self._call("GET", "projects/")}

    def make_project(self, name: str) -> str:
        """Make a project and return its id."""
        return str(self._send("POST", "projects/", {"name": name})["id"])

    def remove_project(self, project: str) -> None:
        """Remove a project by its id, with what is in it."""
        self._call("DELETE", f"projects/{project}")

    def flows(self) -> dict[str, Flow]:
        """Return the user's flows by id; components that were saved for reuse are none."""
        projects = self.projects()
        found = self._call("GET", "flows/?get_all=true&remove_example_flows=true")
        return {
            str(flow["id"]): Flow("", projects.get(str(flow["folder_id"]), ""), flow)
            for flow in found
            if not flow.get("is_component")
        }

    def variables(self) -> set[str]:
        """Return the names of the user's global variables."""
        return {str(found["name"]) for found in self._call("GET", "variables/")}

    def put(self, flow: Flow, project: str) -> None:
        """Create a flow under its id in a project (an id too), or replace the one that has it."""
        document = {key: flow.document[key] for key in KEPT if key in flow.document and key != "id"}
        # What a flow does not say is said, or LangFlow would keep what it has.
        document = {"endpoint_name": None, "description": None, "tags": []} | document
        self._send("PUT", f"flows/{flow.id}", document | {"folder_id": project})

    def remove(self, flow: str) -> None:
        """Remove a flow by its id; one that is gone already is none's matter."""
        try:
            self._call("DELETE", f"flows/{flow}")
        except RefusedError as error:
            if error.status != 404:
                raise

    def run(self, flow: str, key: str, text: str, timeout: float) -> str:
        """Run a flow once and return its whole answer as text; raises FlowsError when it fails."""
        body = {"input_value": text, "input_type": "chat", "output_type": "any"}
        answer = self._send(
            "POST",
            f"run/{flow}?stream=false",
            body,
            headers={"x-api-key": key},
            timeout=timeout,
        )
        return json.dumps(answer.get("outputs"), ensure_ascii=False)
