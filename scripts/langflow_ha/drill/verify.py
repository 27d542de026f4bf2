"""After a drill: is everything there that was acknowledged, and did every background run end once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence

import httpx

from langflow_ha.drill import measure
from langflow_ha.drill.heavy import follow
from langflow_ha.drill.http import Api, ApiError
from langflow_ha.drill.model import DEFINITE, Acknowledged, BackgroundRun, Hook, Update

HOOKS_S = 10.0
"""How long the last webhook runs may take to end."""


async def missing(
    api: Api, writes: Sequence[Acknowledged], updates: Sequence[Update]
) -> list[Acknowledged]:
    """Return the acknowledged writes that the cluster lost. Raises httpx.HTTPError, ApiError, ValueError."""
    return [*await api.missing(list(writes)), *await _outdated(api, writes, updates)]


async def _outdated(
    api: Api, writes: Sequence[Acknowledged], updates: Sequence[Update]
) -> list[Acknowledged]:
    """Return the last acknowledged change of each flow whose content is an older one."""
    last = {write.id: write for write in writes if write.kind == "update"}
    return [
        write
        for flow, write in last.items()
        if await api.description(flow)
        not in measure.admissible([update for update in updates if update.flow == flow])
    ]


async def settle(api: Api, runs: Sequence[BackgroundRun], seconds: float) -> None:
    """Follow the open runs to their end (bounded), look at each a second time and count its executions.

    What could not be found out stays as it is in the run, which is then not in order.
    """
    still_open = [run for run in runs if run.state not in DEFINITE]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(follow(api, run) for run in still_open))
    for run in runs:
        with contextlib.suppress(httpx.HTTPError, ApiError, ValueError):
            run.later = await api.background_state(run.job)
            run.executions = await api.executions(run.token)
    with contextlib.suppress(httpx.HTTPError, ApiError):
        await api.forget_sessions([run.token for run in runs])


async def count_hooks(api: Api, hooks: Sequence[Hook]) -> None:
    """Count how often each accepted webhook ran; those that have not run get a moment (`HOOKS_S`)."""
    limit = time.monotonic() + HOOKS_S
    while hooks:
        with contextlib.suppress(httpx.HTTPError, ApiError, ValueError):
            texts = await api.webhook_messages()
            for hook in hooks:
                hook.executions = sum(hook.token in text for text in texts)
        if all(hook.executions > 0 for hook in hooks) or time.monotonic() > limit:
            with contextlib.suppress(httpx.HTTPError, ApiError):
                await api.forget_sessions([api.webhook_id])
            return
        await asyncio.sleep(1)
