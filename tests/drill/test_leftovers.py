"""What killed drills have left is removed, and nothing else."""

from __future__ import annotations

import asyncio
import json
import uuid

import httpx
import pytest
from langflow_ha.drill import leftovers
from langflow_ha.drill.http import Api
from langflow_ha.drill.leftovers import Leftovers, left

# Not drawn: they are in the names of tests, which have to be the same in each process that runs some of them.
UUID = "5b0f4a52-6c0e-4a8e-9d43-0e8a7c1f2b96"
HEX = "c3d1e7a9504b4f6f8a2b6d90e1f7c845"


@pytest.mark.parametrize("name", [f"drill-{UUID}", f"drill-{HEX}.txt", f"drill-rate-{HEX}.bin", f"drill-large-{HEX}"])  # fmt: skip
def test_what_a_drill_made_is_known_by_its_name(name: str) -> None:
    assert left({"1": name}, {"2": name}, {}) == Leftovers(("1",), ("2",))


@pytest.mark.parametrize("name", ["drill-echo", "drill-webhook", "drill-slow-20", f"my drill-{UUID}", f"drill-{UUID} (1)", "drill-2026-11", f"drill-{HEX[1:]}"])  # fmt: skip
def test_what_people_and_later_drills_use_stays(name: str) -> None:
    assert left({"1": name}, {"2": name}, {"3": name}) == Leftovers()


def test_all_is_deleted_in_pieces_and_the_key_in_use_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "AT_ONCE", 2)
    asked: list[tuple[str, str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            flows = [{"id": f"f{n}", "name": f"drill-{uuid.uuid4()}"} for n in range(3)]
            keys = [{"id": "mine", "name": "drill-key"}, {"id": "old", "name": "drill-key"}]
            answers = {
                "/api/v1/flows/": flows,
                "/api/v2/files/": [{"id": "x", "name": f"drill-{HEX}"}],
                "/api/v1/api_key/": {"api_keys": keys},
            }
            return httpx.Response(200, json=answers[request.url.path])
        body = json.loads(request.content) if request.content else None
        asked.append((request.method, request.url.path, body))
        return httpx.Response(200, json={})

    async def clean() -> Leftovers:
        transport = httpx.MockTransport(answer)
        api = Api(httpx.AsyncClient(base_url="https://vip.test", transport=transport))
        api.key_id = "mine"
        found = await leftovers.find(api)
        await leftovers.remove(api, found)
        return found

    assert str(asyncio.run(clean())) == "3 flows, 1 files, 1 API keys"
    assert asked == [
        ("DELETE", "/api/v1/flows/", ["f0", "f1"]),
        ("DELETE", "/api/v1/flows/", ["f2"]),
        ("DELETE", "/api/v2/files/batch/", ["x"]),
        ("DELETE", "/api/v1/api_key/old", None),
    ]
