"""What is left after drills besides the records: the page and the metrics, made of the records."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from langflow_ha.drill.metrics import exposition, file_name
from langflow_ha.drill.record import Journal
from langflow_ha.drill.report.render import page

PAGE = "report.html"


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
