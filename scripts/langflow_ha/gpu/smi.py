"""Asks `nvidia-smi`, which may hang for ever on a card that is broken."""

from __future__ import annotations

import subprocess

from langflow_ha.gpu.cards import QUERY, Answer, parse


class UnansweredError(Exception):
    """There was no answer. The text says why."""


class Smi:
    """One question at a time: of a process that even SIGKILL does not end, none more is started."""

    def __init__(self, command: str, timeout: float) -> None:
        self._command = [command, f"--query-gpu={QUERY}", "--format=csv,nounits"]
        self._timeout = timeout
        self._stuck: subprocess.Popen[str] | None = None

    def ask(self) -> Answer:
        """Return what the cards say. Raises `UnansweredError`."""
        if self._stuck and self._stuck.poll() is None:
            raise UnansweredError("nvidia-smi hangs, and cannot be ended")
        self._stuck = None
        try:
            process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        except OSError as error:
            raise UnansweredError(str(error)) from None
        try:
            # Its exit code says no more: cards that are well are printed beside a lost one.
            output, _ = process.communicate(timeout=self._timeout)
            return parse(output)
        except subprocess.TimeoutExpired:
            process.kill()
            self._stuck = process
            raise UnansweredError(f"nvidia-smi did not answer within {self._timeout:g} s") from None
        except ValueError as error:
            raise UnansweredError(str(error)) from None
