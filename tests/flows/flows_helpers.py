"""Flows for the tests, and a LangFlow that is a dictionary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from langflow_ha.flows.api import Langflow
from langflow_ha.flows.model import Flow, FlowsError

SECRET = "sk-of-nobody"


def identity(number: int) -> str:
    return str(UUID(int=(4 << 76) + (8 << 60) + number))


def field(value: object = "", **more: object) -> dict[str, Any]:
    return {"value": value, **more}


def document(number: int, name: str, **template: dict[str, Any]) -> dict[str, Any]:
    node = {
        "id": "Model-1",
        "position": {"x": 1},
        "data": {"node": {"template": {"_type": "C", **template}}},
    }
    return {"id": identity(number), "name": name, "data": {"nodes": [node], "edges": []}}


def flow(number: int, name: str, project: str = "support", **template: dict[str, Any]) -> Flow:
    return Flow(f"{project}/{name}.json", project, document(number, name, **template))


def write(directory: Path, *flows: Flow, smoke: str = "") -> Path:
    for one in flows:
        path = directory / one.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(one.document))
    if smoke:
        (directory / "smoke.toml").write_text(smoke)
    return directory


class FakeLangflow(Langflow):
    """Keeps what it is given; flows whose name is in `broken` do not run."""

    def __init__(self, *flows: Flow, broken: tuple[str, ...] = (), stuck: bool = False) -> None:
        super().__init__("http://192.0.2.1", "admin")
        self.kept = {one.id: one for one in flows}
        self.broken = broken
        self.stuck = stuck
        self.names = {one.project: one.project for one in flows}
        self.runs: list[str] = []
        self.keys = 0

    @contextmanager
    def api_key(self) -> Iterator[str]:
        self.keys += 1
        try:
            yield "key"
        finally:
            self.keys -= 1

    def projects(self) -> dict[str, str]:
        return dict(self.names)

    def make_project(self, name: str) -> str:
        self.names[name] = name
        return name

    def remove_project(self, project: str) -> None:
        if self.stuck:
            raise FlowsError("stuck")
        del self.names[project]
        self.kept = {key: one for key, one in self.kept.items() if one.project != project}

    def flows(self) -> dict[str, Flow]:
        return dict(self.kept)

    def put(self, flow: Flow, project: str) -> None:
        assert project in self.names
        self.kept[flow.id] = Flow("", project, flow.document)

    def remove(self, flow: str) -> None:
        del self.kept[flow]

    def run(self, flow: str, key: str, text: str, timeout: float) -> str:
        name = self.kept[flow].name
        self.runs.append(name)
        if name in self.broken:
            raise FlowsError("HTTP 500")
        return f"{name}: {text}"
