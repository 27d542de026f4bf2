"""What drills that were killed have left in LangFlow: flows, files and API keys of the superuser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from langflow_ha.drill.http import FLOW_PREFIX, KEY_NAME, Api
from langflow_ha.drill.model import Acknowledged

AT_ONCE = 20
"""Deleted by one request: LangFlow deletes the runs of each flow with it; one for 200 ended without an answer."""

# Prefix, kind, and a UUID: nobody names a flow of theirs like this. The echo flow, which stays, has none.
_MADE = re.compile(
    rf"{FLOW_PREFIX}([a-z]+-)?[0-9a-f]{{8}}-?([0-9a-f]{{4}}-?){{3}}[0-9a-f]{{12}}(\.[a-z]+)?"
)


@dataclass(frozen=True)
class Leftovers:
    """Ids of what can go."""

    flows: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{len(self.flows)} flows, {len(self.files)} files, {len(self.keys)} API keys"


def left(flows: Mapping[str, str], files: Mapping[str, str], keys: Mapping[str, str]) -> Leftovers:
    """Return what drills made, of mappings from id to name.

    Only while no drill runs: what one has made and still needs looks the same.
    """

    def made(named: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(id_ for id_, name in named.items() if _MADE.fullmatch(name))

    return Leftovers(
        made(flows), made(files), tuple(id_ for id_, n in keys.items() if n == KEY_NAME)
    )


async def find(api: Api) -> Leftovers:
    """Ask LangFlow; raises `ApiError` and `httpx.HTTPError`. The key of `api` itself is none."""
    flows = {id_: name for name, id_ in (await api.flow_names()).items()}
    keys = {id_: name for id_, name in (await api.key_names()).items() if id_ != api.key_id}
    return left(flows, await api.file_names(), keys)


async def remove(api: Api, found: Leftovers) -> None:
    """Delete it; raises as `find` does. What was interrupted is begun again."""
    writes = [
        *(Acknowledged("flow", id_, 0, "") for id_ in found.flows),
        *(Acknowledged("file", id_, 0, "") for id_ in found.files),
    ]
    for start in range(0, len(writes), AT_ONCE):
        await api.clean(writes[start : start + AT_ONCE])
    for key in found.keys:
        await api.forget_key(key)
