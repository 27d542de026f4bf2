"""A process that ends by itself just when it is ended must keep its exit status."""

from __future__ import annotations

import asyncio
import logging

import pytest
from langflow_ha.status import remote


def test_a_process_that_has_just_ended_is_not_reaped_behind_asyncios_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def ended() -> int | None:
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", "exit 7", stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        # Its pipe is closed: it has ended, and perhaps nobody has asked for its status yet.
        await process.stdout.read()
        await remote._end(process)
        return process.returncode

    async def many() -> list[int | None]:
        return [await ended() for _ in range(60)]

    with caplog.at_level(logging.WARNING, "asyncio"):
        codes = asyncio.run(many())
    assert not caplog.records
    # A process whose pipe is closed may still be on its way out: then the signal was first.
    assert set(codes) <= {7, -9}
