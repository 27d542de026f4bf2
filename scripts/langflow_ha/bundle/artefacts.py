"""Files under .artefacts/ and the checksum beside each: `<file>.sha256` in the format of sha256sum."""

from __future__ import annotations

import hashlib
from pathlib import Path

from langflow_ha import ROOT

DIRECTORY = ROOT / ".artefacts"


def sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def checksum_file(path: Path) -> Path:
    """Return where the checksum of an artefact is kept."""
    return path.with_name(f"{path.name}.sha256")


def seal(path: Path) -> str:
    """Write the checksum file of a finished artefact and return the digest."""
    digest = sha256(path)
    checksum_file(path).write_text(f"{digest}  {path.name}\n", "ascii")
    return digest


def is_sealed(path: Path) -> bool:
    """Tell whether an artefact is there with the digest that its checksum file names."""
    checksum = checksum_file(path)
    if not path.is_file() or not checksum.is_file():
        return False
    return checksum.read_text("ascii").split()[:1] == [sha256(path)]


def megabytes(path: Path) -> str:
    """Return the size of a file for people."""
    return f"{path.stat().st_size / 1e6:.0f} MB"
