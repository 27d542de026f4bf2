"""The loop that shows; each store's courier is a thread, so that one that hangs stops no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from langflow_ha.node.clock import boottime
from langflow_ha.node.loop import Loop
from langflow_ha.node.pages import JSON, TEXT, PageServer
from langflow_ha.ship.config import Config, Store
from langflow_ha.ship.courier import Courier
from langflow_ha.ship.entry import entry
from langflow_ha.ship.mask import masker
from langflow_ha.ship.snapshot import Snapshot, metrics_text, status_json
from langflow_ha.ship.store import Store as Connection

_PULSE = 5.0
"""Seconds between two signs of life to systemd, a fraction of WatchdogSec."""
_TICK = 2.0


def run(config: Config) -> None:
    """Run until SIGTERM or SIGINT. Raises `OSError` when the port is taken."""
    loop = Loop()
    couriers = {store.name: _courier(config, store) for store in config.stores}
    pages = {b"/status": (JSON, status_json), b"/metrics": (TEXT, metrics_text)}
    server: PageServer[Snapshot] = PageServer(pages, time.time)
    server.serve(config.listen_addresses, config.http_port)
    threads = [
        threading.Thread(target=_repeat, args=(courier.step,), name=name, daemon=True)
        for name, courier in couriers.items()
    ]
    for thread in threads:
        thread.start()

    def step() -> str:
        time.sleep(_TICK)
        if not all(thread.is_alive() for thread in threads):
            raise RuntimeError("a courier has died; its error is above")
        snap = {name: courier.shown for name, courier in couriers.items()}
        server.publish(snap)
        away = [f"{name}: {shown.error}" for name, shown in snap.items() if shown.error]
        return "; ".join(away) or f"delivers to {', '.join(snap)}"

    loop.run(step, _PULSE)
    # The couriers end with the process, and their journalctl with its control group: what did not settle is sent again.


def _courier(config: Config, store: Store) -> Courier:
    limits = config.limits
    convert = partial(
        entry,
        node=config.node_name,
        mask=masker(config.mask_mail),
        longest=limits.message_bytes,
    )
    connection = Connection(store.url, config.tls, limits.timeout, boottime)
    file = Path(config.state_directory) / f"{store.name}.cursor"
    return Courier(connection, file, limits, convert, boottime)


def _repeat(step: Callable[[], None]) -> None:
    while True:
        step()
