"""Submits background runs straight to this node's LangFlow, and reads the events of others' runs there.

Streamed to `python3 -u -` on a node (standard library only), because only the nodes may reach a LangFlow directly, and
a run has to be in a certain LangFlow for the drill.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import Any

SUBMIT_S = 20.0


def _open(options: dict[str, Any], path: str, body: Any, timeout: float) -> Any:
    request = urllib.request.Request(  # noqa: S310 - the caller gives http URLs
        f"{options['url']}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "x-api-key": options["key"]},
    )
    return urllib.request.urlopen(request, timeout=timeout)  # noqa: S310


def submit(options: dict[str, Any]) -> None:
    """Submit one run for each token, in their order, and print a JSON line for each."""
    for token in options["tokens"]:
        body = {
            "flow_id": options["flow"],
            "input_value": token,
            "session_id": token,
            "idempotency_key": token,
            "mode": "background",
        }
        with _open(options, "/api/v2/workflows", body, SUBMIT_S) as answer:
            print(json.dumps({"token": token, "job": json.load(answer)["job_id"]}), flush=True)


def read(options: dict[str, Any]) -> None:
    """Read the events of every job to the end of its stream; print when it was attached and when it ended."""
    threads = [threading.Thread(target=_read, args=(options, job)) for job in options["jobs"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _read(options: dict[str, Any], job: str) -> None:
    end, last = "", ""
    try:
        with _open(options, f"/api/v2/workflows/{job}/events", None, options["seconds"]) as answer:
            print(json.dumps({"job": job, "attached": time.time()}), flush=True)
            for line in answer:
                last = line.decode(errors="replace").strip() or last
    except OSError as error:
        end = str(error) or type(error).__name__
    print(json.dumps({"job": job, "ended": time.time(), "error": end, "last": last}), flush=True)


def main(text: str) -> None:
    """Do what `do` says: submit or read."""
    options = json.loads(text)
    {"submit": submit, "read": read}[options["do"]](options)
