"""Tasks that run beside a drill until it is over."""

from __future__ import annotations

import asyncio


async def end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel the tasks, wait until they are over, and empty the list."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    tasks.clear()
