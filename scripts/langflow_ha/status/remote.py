"""Running things on nodes: one shell script per call over SSH, and switching a node's power."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import LabError
from langflow_ha.status.site import Node

# A command over SSH gets no login shell, so perhaps no sbin directories.
SEARCH_PATH = "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class RemoteError(Exception):
    """A command on a node failed or did not end in time; the text names node, command and output."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


class Remote(Protocol):
    """What the drills need of the machines; the tests put a fake in its place."""

    async def run(self, node: Node, script: str, *, timeout: float = 20.0) -> Completed:
        """Run a shell script as root. Never raises for an exit code; raises RemoteError on a time-out."""

    def stream(self, node: Node, command: str, stdin: str) -> AsyncIterator[str]:
        """Feed `stdin` to a command and yield its lines until it ends or the link breaks."""

    async def power_off(self, node: Node) -> float:
        """Take the power away; return when it was gone (seconds since the epoch)."""

    async def power_on(self, node: Node) -> None:
        """Give the power back; a node that is already on is left alone."""


async def execute(argv: list[str], stdin: str = "", timeout: float = 20.0) -> Completed:
    """Run a local program without a shell; kills it and raises RemoteError after `timeout` seconds."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, error = await asyncio.wait_for(process.communicate(stdin.encode()), timeout)
    except TimeoutError:
        raise RemoteError(f"{' '.join(argv[-2:])}: no answer within {timeout:g} s") from None
    finally:
        await _end(process)
    return Completed(
        process.returncode or 0, out.decode(errors="replace"), error.decode(errors="replace")
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process and wait until asyncio has its exit status.

    Not by `process.kill()`: it polls first (bpo-38630), which takes the status of a process that has
    just ended away from asyncio's own waiter: "Unknown child process pid …, returncode 255". A
    process that has ended keeps its id until the waiter has been there.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()


def _engine(*arguments: str) -> None:
    try:
        Engine().run(*arguments)
    except LabError as error:
        raise RemoteError(str(error)) from error


class SshRemote:
    """`Remote` over SSH; power is the container engine's in a lab, SysRq on a real machine."""

    async def run(self, node: Node, script: str, *, timeout: float = 20.0) -> Completed:
        """See `Remote.run`. The script travels on standard input, so nothing shows in a process list."""
        return await execute(node.command("/bin/bash -s"), f"{SEARCH_PATH}\n{script}", timeout)

    async def stream(self, node: Node, command: str, stdin: str) -> AsyncIterator[str]:
        """See `Remote.stream`."""
        process = await asyncio.create_subprocess_exec(
            *node.command(command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            if process.stdin is None or process.stdout is None:  # pragma: no cover
                raise RemoteError("no pipe to ssh")
            process.stdin.write(stdin.encode())
            process.stdin.close()
            while line := await process.stdout.readline():
                yield line.decode(errors="replace")
        finally:
            await _end(process)

    async def power_off(self, node: Node) -> float:
        """See `Remote.power_off`.

        SIGKILL to a container's init takes every process of the node away at once, its sockets
        unclosed on the wire as with a pulled plug: the network namespace goes with it. A real
        machine is reset through SysRq and comes back by itself.
        """
        if node.container:
            await asyncio.to_thread(_engine, "kill", node.container)
            return time.time()
        guard = "systemd-detect-virt -q --container && { echo 'a container: SysRq would reset its host' >&2; exit 9; }"
        reset = "date +%s.%N; (sleep 0.3; echo b > /proc/sysrq-trigger) >/dev/null 2>&1 &"
        done = await self.run(node, f"{guard}\necho 1 > /proc/sys/kernel/sysrq\n{reset}\n")
        if done.code:
            raise RemoteError(f"{node.name}: {done.stderr.strip()}")
        return float(done.stdout.split()[0]) + 0.3

    async def power_on(self, node: Node) -> None:
        """See `Remote.power_on`."""
        if node.container:
            await asyncio.to_thread(_engine, "start", node.container)
