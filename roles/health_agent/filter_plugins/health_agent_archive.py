"""The node-side code as one file: thirty copies cost minutes on a busy node, one costs a second."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleFilterError

_PACKAGE = "langflow_ha"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def archive(sources: list[str]) -> bytes:
    """A zip of each source's *.py as a sub-package of `langflow_ha`, for `PYTHONPATH`.

    A source is a package, or one module of a package that is for the controller otherwise.

    Equal sources give equal bytes, on every controller: sorted, uncompressed, and without times
    and modes. So a second run changes nothing.
    """
    content = {f"{_PACKAGE}/__init__.py": b""}
    for source in map(Path, sources):
        files = [source] if source.suffix == ".py" else list(source.glob("*.py"))
        if not files or not files[0].exists():
            raise AnsibleFilterError(f"health_agent_sources: no *.py in {source}; name packages")
        for file in files:
            package = file.resolve().parent.name
            content |= {
                f"{_PACKAGE}/{package}/__init__.py": (file.parent / "__init__.py").read_bytes(),
                f"{_PACKAGE}/{package}/{file.name}": file.read_bytes(),
            }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:
        for name, data in sorted(content.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            target.writestr(entry, data)
    return buffer.getvalue()


def health_agent_archive(sources: list[str]) -> str:
    """Write the archive to Ansible's own temporary directory of this run; returns its path."""
    data = archive(sources)
    path = Path(constants.DEFAULT_LOCAL_TMP) / f"{hashlib.sha256(data).hexdigest()}.pyz"
    draft = path.with_suffix(f".{os.getpid()}")  # forks build it at the same time
    draft.write_bytes(data)
    draft.replace(path)
    return str(path)


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[[list[str]], str]]:
        return {"health_agent_archive": health_agent_archive}
