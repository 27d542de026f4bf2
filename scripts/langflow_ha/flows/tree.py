"""The directory of flows: `<project>/<file>.json`, and `smoke.toml` for how they are tried."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import UUID

from langflow_ha.flows.documents import typed_secrets
from langflow_ha.flows.model import Flow, FlowsError, Smoke, Tree

SMOKE_FILE = "smoke.toml"
LARGEST = 20 * 1024 * 1024
"""Bytes of one flow; an editor's export of a hundred components is below one MiB."""


def read(directory: Path) -> Tree:
    """Read and judge the whole directory; raises FlowsError with every problem, one a line."""
    problems: list[str] = []
    flows: list[Flow] = []
    for path in sorted(directory.rglob("*.json")):
        relative = path.relative_to(directory)
        if len(relative.parts) != 2:
            problems.append(
                f"{relative}: put it into <project>/<file>.json, one directory a project"
            )
            continue
        try:
            flows.append(_flow(path, relative))
        except FlowsError as error:
            problems.append(str(error))
    problems += judge(flows)
    smokes: Mapping[str, Smoke] = {}
    try:
        smokes = _smokes(
            directory / SMOKE_FILE, {flow.path.removesuffix(".json") for flow in flows}
        )
    except FlowsError as error:
        problems.append(str(error))
    if not flows and not problems:
        problems.append("there is no flow in it: <project>/<file>.json")
    if problems:
        raise FlowsError("\n".join(problems))
    return Tree(tuple(flows), smokes)


def _flow(path: Path, relative: Path) -> Flow:
    if path.is_symlink() or path.stat().st_size > LARGEST:
        raise FlowsError(f"{relative}: must be a file of at most {LARGEST} bytes, no link")
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise FlowsError(f"{relative}: is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise FlowsError(f"{relative}: is no flow: an object with id, name and data is one")
    data = document.get("data")
    if (
        not document.get("name")
        or not isinstance(data, dict)
        or not isinstance(data.get("nodes"), list)
    ):
        raise FlowsError(f"{relative}: is no flow: name, data and data.nodes must be there")
    try:
        identity = str(UUID(str(document.get("id"))))
    except ValueError as error:
        raise FlowsError(
            f"{relative}: id is {document.get('id')!r}, no UUID: take the flow by flows_verb=pull, which keeps its id"
        ) from error
    return Flow(str(relative), relative.parts[0], {**document, "id": identity})


def judge(flows: list[Flow]) -> Iterator[str]:
    """Return what is wrong with flows that can be read each by itself."""
    for what, of in (("id", "id"), ("name", "name"), ("endpoint_name", "endpoint_name")):
        seen: dict[str, str] = {}
        for flow in flows:
            value = str(flow.document.get(of) or "")
            if value and value in seen:
                yield f"{flow.path}: {what} {value} is that of {seen[value]} too: LangFlow has one of each for a user"
            seen.setdefault(value, flow.path)
    for flow in flows:
        for field in typed_secrets(flow.document):
            yield (
                f"{flow.path}: node {field.node}, field {field.name}: a secret is typed into it. Make it a global variable in "
                "LangFlow and choose that in the field; if it was ever committed, it is known: change it"
            )


def _smokes(path: Path, known: set[str]) -> dict[str, Smoke]:
    if not path.exists():
        return {}
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise FlowsError(f"{path.name}: {error}") from error
    return {name: _smoke(name, values, known) for name, values in raw.items()}


def _smoke(name: str, values: Any, known: set[str]) -> Smoke:
    keys = {field.name: type(field.default) for field in fields(Smoke)}
    if name not in known:
        raise FlowsError(
            f'{SMOKE_FILE}: ["{name}"] names no flow: write "<project>/<file>" without .json'
        )
    if not isinstance(values, dict) or values.keys() - keys.keys():
        raise FlowsError(f'{SMOKE_FILE}: ["{name}"] may have {", ".join(keys)}, nothing else')
    for key, value in values.items():
        wanted = (int, float) if keys[key] is float else keys[key]
        if not isinstance(value, wanted):
            raise FlowsError(
                f'{SMOKE_FILE}: ["{name}"] {key} is {value!r}: must be {keys[key].__name__}'
            )
    try:
        re.compile(str(values.get("expect", "")))
    except re.error as error:
        raise FlowsError(
            f'{SMOKE_FILE}: ["{name}"] expect is no regular expression: {error}'
        ) from error
    return Smoke(**values)
