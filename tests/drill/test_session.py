from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from langflow_ha.drill import session
from langflow_ha.drill.session import SessionError, logged_in, only_one
from langflow_ha.status.site import Site


def site(tmp_path: Path, password: str = "p") -> Site:
    return Site(
        "t", tmp_path, (), "10.0.0.1", "", "https://10.0.0.1", None, "admin",
        {"password": password} if password else {}, production=False, mode="active_active", lab=tmp_path,
    )  # fmt: skip


def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statuses: list[int]
) -> tuple[str, list[float]]:
    """Log in against a server that answers the logins with `statuses`; return the key and the waits."""
    waits: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/login":
            return httpx.Response(statuses.pop(0), json={"access_token": "t"})
        if request.url.path == "/api/v1/flows/" and request.method == "GET":
            return httpx.Response(200, json=[])
        return httpx.Response(200, json={"api_key": "sk", "id": "1"})

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    def client(url: str, ca: Path | None) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=url, transport=httpx.MockTransport(answer))

    monkeypatch.setattr(session, "client", client)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    api = asyncio.run(logged_in(site(tmp_path)))
    return api.key, waits


def test_a_limited_login_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tmp_path, monkeypatch, [429, 429, 200]) == ("sk", [15, 15])


def test_a_refused_login_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SessionError, match="answered 401"):
        run(tmp_path, monkeypatch, [401, 200])


def test_no_password_names_the_mend(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="--vault-password-file"):
        asyncio.run(logged_in(site(tmp_path, "")))


def test_one_drill_at_a_time(tmp_path: Path) -> None:
    here = site(tmp_path)
    with only_one(here), pytest.raises(SessionError, match="another drill runs"), only_one(here):
        pass
    with only_one(here):
        pass
