"""A release's migrations, out of the bundle that nodes install from."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

from langflow_ha.upgrade.migrations import Migration, graph

WHEEL = "wheels/langflow_base-"
VERSIONS = "langflow/alembic/versions/"


def migrations(bundle: Path) -> dict[str, Migration]:
    """Return them by revision; raises ValueError when the bundle is none of LangFlow's."""
    try:
        with tarfile.open(bundle) as archive:
            names = [name for name in archive.getnames() if name.startswith(WHEEL)]
            wheel = archive.extractfile(names[0]) if len(names) == 1 else None
            if wheel is None:
                raise ValueError(f"{bundle.name} has {len(names)} wheels of langflow-base, not one")
            with zipfile.ZipFile(wheel) as files:
                scripts = {
                    name.removeprefix(VERSIONS): files.read(name).decode()
                    for name in files.namelist()
                    if name.startswith(VERSIONS) and name.endswith(".py")
                }
    except (tarfile.TarError, zipfile.BadZipFile) as error:
        raise ValueError(f"{bundle.name} cannot be read: {error}") from error
    found = graph(scripts)
    if not found:
        raise ValueError(f"{bundle.name} has no migrations")
    return found
