"""The MinIO server, compiled from its Go module: its project publishes no binaries of this version."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from langflow_ha.bundle import artefacts, golang
from langflow_ha.bundle.container import Say


@dataclass(frozen=True)
class Pin:
    """What is compiled, with what, and the digest of the result (empty: not recorded)."""

    module: str
    version: str
    compiler: str
    sha256: str

    @property
    def stamp(self) -> datetime:
        """Return the commit's time, which a Go pseudo-version carries: v0.0.0-20260212201848-7aac2a2c5b7c."""
        return datetime.strptime(self.version.split("-")[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)

    @property
    def release(self) -> str:
        """Return the name that `minio --version` shows; MinIO reads dates of just this form."""
        return f"DEVELOPMENT.{self.stamp:%Y-%m-%dT%H-%M-%SZ}"

    @property
    def ldflags(self) -> str:
        """Return the linker flags that give the binary its version, as MinIO's own build does."""
        commit = self.version.split("-")[2]
        values = {
            "Version": f"{self.stamp:%Y-%m-%dT%H:%M:%SZ}",
            "CopyrightYear": f"{self.stamp:%Y}",
            "ReleaseTag": self.release,
            "CommitID": commit,
            "ShortCommitID": commit,
        }
        flags = [f"-X {self.module}/cmd.{name}={value}" for name, value in values.items()]
        return " ".join(["-s", "-w", *flags])


def pin() -> Pin:
    """Return the pinned version."""
    return Pin(**golang.pinned("minio"))


def binary_file(wanted: Pin | None = None) -> Path:
    """Return where the binary is, or will be."""
    return artefacts.DIRECTORY / f"minio-{(wanted or pin()).release}-linux-amd64"


def supply(binary: Path, sha256: str, say: Say) -> Path:
    """Take an operator's binary instead of compiling one; BuildError unless its digest is as stated."""
    target = binary_file()
    artefacts.DIRECTORY.mkdir(exist_ok=True)
    copy = target.with_name(f"{target.name}.partial")
    shutil.copyfile(binary, copy)
    try:
        golang.accept(copy, target, sha256, say)
    finally:
        copy.unlink(missing_ok=True)
    return target


def build(say: Say) -> Path:
    """Compile MinIO unless it is there; return its path."""
    wanted = pin()
    recipe = golang.Recipe(
        wanted.module, wanted.version, wanted.ldflags, wanted.compiler, wanted.sha256
    )
    return golang.build(recipe, binary_file(wanted), "ten minutes", say)
