"""The machines of the scenario, and a client that keeps writing while a test hurts them."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from langflow_ha.lab import service
from langflow_ha.lab.model import Lab

CLIENTS = ("app1", "app2")
SERVER = "nfs1"
FILE_BYTES = 65536
PATIENCE_S = 180.0
"""For what has no bound of its own; machines on a busy host are slow."""


@dataclass(frozen=True)
class View:
    """What a node's health agent says: of the share, to HAProxy, to Keepalived."""

    share: bool | None
    detail: str
    word: str
    weight: int


@dataclass(frozen=True)
class Write:
    """One file that was offered: when, and whether the node acknowledged it."""

    name: str
    digest: str
    begun: float
    ended: float
    acknowledged: bool


class Machines:
    """The lab's machines, reached as operators, clients and HAProxy reach them."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def shell(self, name: str, command: str, timeout: float = 60.0) -> str:
        """Run a command as root on a machine; fails when it fails."""
        lab = self._lab
        ssh = ["ssh", "-F", "none", "-T", "-i", str(lab.ssh_key), "-o", "BatchMode=yes"]
        ssh += ["-o", f"UserKnownHostsFile={lab.known_hosts}", "-o", "StrictHostKeyChecking=yes"]
        ssh += ["-o", "LogLevel=ERROR", f"root@{lab.node(name).address}", command]
        done = subprocess.run(ssh, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"{name}: {command}: {done.stderr or done.stdout}"
        return done.stdout

    def power_off(self, name: str) -> None:
        """Cut a machine's power."""
        service.power_off([self._lab.node(name)])

    def power_on(self, name: str) -> None:
        """Let it boot."""
        service.power_on([self._lab.node(name)])

    def listens(self, name: str, port: int) -> bool:
        """Whether a machine takes connections on a port; raises OSError when it does not."""
        with socket.create_connection((str(self._lab.node(name).address), port), timeout=2):
            return True

    def get(self, name: str, path: str, *, port: int = 7860, timeout: float = 10.0) -> str:
        """GET from a machine; raises OSError (HTTPError included)."""
        url = f"http://{self._lab.node(name).address}:{port}{path}"
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return str(answer.read().decode()).strip()

    def put(self, name: str, file: str, data: bytes, timeout: float = PATIENCE_S) -> str:
        """Store a file by the program that stands for LangFlow; returns the digest that it acknowledged."""
        url = f"http://{self._lab.node(name).address}:7860/{file}"
        request = urllib.request.Request(url, data=data, method="PUT")
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return str(answer.read().decode()).strip()

    def view(self, name: str) -> View:
        """Ask a node's agent."""
        status: dict[str, Any] = json.loads(self.get(name, "/status", port=7950))
        share = status["checks"].get("share", {})
        return View(
            share.get("up"), share.get("detail", ""), status["agent_check"], status["weight"]
        )

    def until(self, condition: Callable[[], bool], timeout: float = PATIENCE_S) -> float:
        """Wait until a condition holds (an OSError means not yet); returns the seconds that it took."""
        begun = time.monotonic()
        while True:
            try:
                if condition():
                    return time.monotonic() - begun
            except OSError:
                pass
            assert time.monotonic() - begun < timeout, f"not within {timeout:g} s"
            time.sleep(0.05)

    def all_well(self) -> None:
        """Wait for the steady state: every agent in traffic with a share that works."""
        for name in CLIENTS:
            self.until(lambda name=name: self.view(name).share is True)  # type: ignore[misc]
            self.until(lambda name=name: self.view(name).word == "up 100%")  # type: ignore[misc]

    @contextmanager
    def writing(
        self, name: str, prefix: str, patience: float = PATIENCE_S
    ) -> Iterator[list[Write]]:
        """Write files through a node, one after the other, for as long as the block lasts.

        `patience`: seconds that one write may take before it counts as failed.
        """
        writes: list[Write] = []
        over = threading.Event()

        def work() -> None:
            while not over.is_set():
                data = os.urandom(FILE_BYTES)
                digest = hashlib.sha256(data).hexdigest()
                file, begun = f"{prefix}-{len(writes)}", time.monotonic()
                try:
                    acknowledged = self.put(name, file, data, patience) == digest
                except (OSError, http.client.HTTPException):
                    acknowledged = False
                writes.append(Write(file, digest, begun, time.monotonic(), acknowledged))
                over.wait(0.1)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield writes
        finally:
            over.set()
            thread.join(patience)

    def lost(self, writes: list[Write], reader: str) -> list[str]:
        """Names of acknowledged files that another node does not have, byte for byte."""
        lost = []
        for write in writes:
            if write.acknowledged:
                try:
                    found = self.get(reader, f"/{write.name}", timeout=60)
                except urllib.error.HTTPError as error:
                    found = f"HTTP {error.code}"
                if found != write.digest:
                    lost.append(f"{write.name}: {found}")
        return lost
