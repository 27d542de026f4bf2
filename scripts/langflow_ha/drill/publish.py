"""What is left after drills besides the records: the page and the metrics, made of the records."""

from __future__ import annotations

import asyncio
import base64
import os
import tempfile
import time
from pathlib import Path

from langflow_ha.drill.metrics import exposition, file_name
from langflow_ha.drill.record import Journal
from langflow_ha.drill.report.render import page
from langflow_ha.status.remote import Remote, RemoteError
from langflow_ha.status.site import Node, Site

PAGE = "report.html"
COLLECTED = "/var/lib/prometheus/node-exporter"
"""Where the nodes' exporters look for files of others (role node_exporter)."""


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, readable by all; a reader sees the old text or the new one.

    Raises OSError when the directory cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name that no collector takes for a finished file, and in the same file system as the target.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_page(journal: Journal, site: str, output: Path | None = None) -> Path:
    """Write the page about all records, beside them or to `output`; return where. Raises OSError."""
    path = output or journal.file.parent / PAGE
    write_atomically(path, page(journal.read(), site, time.time()))
    return path


def write_metrics(journal: Journal, site: str, directory: Path) -> Path:
    """Write the metrics file into a textfile collector's directory; return it. Raises OSError."""
    path = directory / file_name(site)
    write_atomically(path, exposition(journal.read(), site))
    return path


async def send_metrics(journal: Journal, site: Site, remote: Remote) -> dict[str, str]:
    """Leave the metrics on every node of the site, for its exporter; return by name why a node has not got them."""
    text = base64.b64encode(exposition(journal.read(), site.name).encode()).decode()
    name = file_name(site.name)
    # A name that no collector takes for a finished file, and then the whole file at once.
    script = (
        f"set -e; cd {COLLECTED}; echo {text} | base64 -d >.{name}; chmod 0644 .{name}; "
        f"mv -f .{name} {name}"
    )

    async def send(node: Node) -> str:
        try:
            done = await remote.run(node, script)
        except (RemoteError, OSError) as error:
            return str(error)
        return (done.stderr.strip() or f"exit code {done.code}") if done.code else ""

    told = await asyncio.gather(*(send(node) for node in site.nodes))
    return {node.name: why for node, why in zip(site.nodes, told, strict=True) if why}
