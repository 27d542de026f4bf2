"""Rates of uploads and downloads: what went well counts, what did not is told."""

from __future__ import annotations

import asyncio
import math

import httpx
import pytest
from langflow_ha.drill import file_rates
from langflow_ha.drill.http import Api


def test_figures_are_of_what_went_well() -> None:
    figures = file_rates.rate("upload", [0.1, 0.2, 0.3], 1, 2.0)
    assert (figures.per_second, figures.failed) == (1.5, 1)
    assert round(figures.p50_ms) == 200
    assert round(figures.p99_ms) == 298
    assert math.isnan(file_rates.rate("upload", [], 4, 2.0).p50_ms)


class Store:
    """A LangFlow that keeps files in memory, refuses the second upload and spoils what it is told to."""

    def __init__(self, spoil: str = "") -> None:
        self.files: dict[str, bytes] = {}
        self.uploads = 0
        self.spoil = spoil

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.uploads += 1
            if self.uploads == 2:
                return httpx.Response(500)
            id_ = f"f{self.uploads}"
            self.files[id_] = request.content.split(b"\r\n\r\n")[1].rsplit(b"\r\n--", 1)[0]
            return httpx.Response(201, json={"id": id_})
        if request.method == "DELETE":
            self.files.clear()
            return httpx.Response(200)
        id_ = request.url.path.rsplit("/", 1)[1]
        return httpx.Response(200, content=b"x" if id_ == self.spoil else self.files[id_])


@pytest.mark.parametrize(("spoil", "bad"), [("", 0), ("f3", 1)])
def test_refused_uploads_and_wrong_bytes_are_failures(spoil: str, bad: int) -> None:
    store = Store(spoil)
    http = httpx.AsyncClient(base_url="https://vip", transport=httpx.MockTransport(store))
    uploads, downloads = asyncio.run(file_rates.rates(Api(http), 4, 2, 100))
    assert (uploads.failed, downloads.failed) == (1, bad)
    assert store.files == {}
