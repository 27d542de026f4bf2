"""Measures flow runs from a node: through the VIP and straight at a LangFlow, taking turns.

Streamed to `python3 -u -` on a node (standard library only), because only the nodes may reach a
LangFlow directly, and both ways must be walked by the same client on the same machine.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
import urllib.request
from typing import Any

BLOCK = 25
"""Runs before the other way has its turn: a slow minute of the machine hits both."""


def one(url: str, options: dict[str, Any], context: ssl.SSLContext) -> tuple[float, bool]:
    """Run the flow once; return the time (s) and whether the answer was the right one."""
    body = {"input_value": "throughput", "input_type": "chat", "output_type": "chat"}
    request = urllib.request.Request(  # noqa: S310 - the caller gives http(s) URLs
        f"{url}/api/v1/run/{options['flow']}?stream=false",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "x-api-key": options["key"]},
    )
    secure = context if url.startswith("https") else None
    began = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=30, context=secure) as answer:  # noqa: S310
            good = b"throughput" in answer.read()
    except OSError:
        good = False
    return time.monotonic() - began, good


def block(url: str, options: dict[str, Any], count: int) -> tuple[float, list[float], int]:
    """Run `count` times with the wanted concurrency; return the time, the latencies, the failures."""
    context = ssl.create_default_context()
    left = list(range(count))
    results: list[tuple[float, bool]] = []
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not left:
                    return
                left.pop()
            result = one(url, options, context)
            with lock:
                results.append(result)

    began = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(options["concurrency"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    latencies = [seconds for seconds, good in results if good]
    return time.monotonic() - began, latencies, count - len(latencies)


def main(text: str) -> None:
    """Measure and print one JSON line: way → seconds, latencies, failures."""
    options = json.loads(text)
    totals: dict[str, dict[str, Any]] = {
        way: {"seconds": 0.0, "latencies": [], "failed": 0} for way in options["urls"]
    }
    for url in options["urls"].values():
        one(url, options, ssl.create_default_context())
    left = options["count"]
    while left > 0:
        for way, url in options["urls"].items():
            seconds, latencies, failed = block(url, options, min(BLOCK, left))
            totals[way]["seconds"] += seconds
            totals[way]["latencies"] += latencies
            totals[way]["failed"] += failed
        left -= BLOCK
    print(json.dumps(totals), flush=True)
