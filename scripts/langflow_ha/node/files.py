"""Files by which a program on a node tells others something."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file so that a reader sees the old or the new text, never half of one.

    The draft is open to nobody else until it is whole. Raises `OSError`, and leaves no draft then.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        draft.chmod(mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def ask_systemd(request: Path) -> None:
    """Have a path unit start what it watches this file for.

    The daemons have no privilege to kill anything; root's unit decides whether it may.
    """
    request.touch()
