"""The web server: one path, one token, and one run at a time in a thread of its own."""

from __future__ import annotations

import hmac
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from langflow_ha.node.journal import INFO, PAGE, WARNING, Event, Journal
from langflow_ha.overload.config import Config
from langflow_ha.overload.decide import Outcome, Run, Verdict, judge
from langflow_ha.overload.state import read_run, read_spares, write_run, write_spares

PATH = "/overload"
_LONGEST_MESSAGE = 1024 * 1024
_REQUEST_TIMEOUT = 10.0
_JOURNAL_BYTES = 1024 * 1024


class Hook:
    """Judges messages one by one, and runs the command for at most one."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        directory = Path(config.state_directory)
        self._run_file, self._log = directory / "run.json", directory / "run.log"
        self._spares_file = Path(config.inventory_file)
        self.journal = Journal(directory / "events.jsonl", _JOURNAL_BYTES, "controller")
        self._last = read_run(self._run_file)
        self.running: threading.Thread | None = None

    def take(self, message: object) -> Verdict:
        """Judge a message and begin what it leads to."""
        with self._lock:
            try:
                used = read_spares(self._spares_file)
                verdict = judge(self._config, self._last, used, message, self._clock())
                if verdict.spare:
                    self._begin(verdict.spare, used)
            except (OSError, ValueError) as error:
                verdict = Verdict(500, f"{type(error).__name__}: {error}")
        level = PAGE if verdict.status >= 500 else INFO
        self.journal.record(Event(level, "overload_message", f"{verdict.status}: {verdict.why}"))
        return verdict

    def refuse(self, who: str) -> None:
        """Note a message that had not the token."""
        self.journal.record(Event(WARNING, "overload_refused", f"{who} has not the token"))

    def _begin(self, spare: str, used: tuple[str, ...]) -> None:
        write_spares(self._spares_file, self._config.groups, tuple(dict.fromkeys((*used, spare))))
        self._note(Run(self._clock(), spare, Outcome.RUNNING))
        self.running = threading.Thread(target=self._work, args=(spare,), name="run")
        self.running.start()

    def _work(self, spare: str) -> None:
        try:
            with self._log.open("wb") as log:
                done = subprocess.run(
                    self._config.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
            how, well = f"exit code {done.returncode}", done.returncode == 0
        except OSError as error:
            how, well = str(error), False
        with self._lock:
            began = self._last.began if self._last else self._clock()
            self._note(Run(began, spare, Outcome.DONE if well else Outcome.FAILED))
        detail = f"{spare}: {how}; what it said is in {self._log}"
        event = "overload_run_done" if well else "overload_run_failed"
        self.journal.record(Event(INFO if well else PAGE, event, detail))

    def _note(self, run: Run) -> None:
        self._last = run
        write_run(self._run_file, run)


def serve(config: Config, hook: Hook) -> ThreadingHTTPServer:
    """Listen with TLS; the caller runs it. Raises `OSError` when the port is taken or a file is missing."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_TIMEOUT

        def do_POST(self) -> None:
            if self.path != PATH:
                return self._answer(404, "not here")
            given = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), config.token.encode()):
                hook.refuse(self.client_address[0])
                return self._answer(403, "another token")
            verdict = hook.take(self._message())
            return self._answer(verdict.status, verdict.why)

        def _message(self) -> object:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > _LONGEST_MESSAGE:
                return None
            with suppress(ValueError):
                return json.loads(self.rfile.read(int(length)))
            return None

        def _answer(self, status: int, text: str) -> None:
            body = f"{text}\n".encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep silent: the journal says what matters."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(config.certificate, config.key)
    server = ThreadingHTTPServer((config.listen_address, config.port), Handler)
    # The handshake in the thread of its request, or a client that says nothing would hold up all others.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    return server
