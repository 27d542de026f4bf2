"""Programs that are compiled from their Go module, because no binaries of the wanted version are published."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langflow_ha.bundle import artefacts, container
from langflow_ha.bundle.container import BuildError, Say

PINS = Path(__file__).parent / "pins.json"


@dataclass(frozen=True)
class Recipe:
    """What is compiled, with what, and the digest of the result (empty: not recorded)."""

    package: str
    version: str
    ldflags: str
    compiler: str
    sha256: str
    toolchain: str = "local"
    """`local`: Debian's compiler; otherwise one that the Go module proxy has, such as go1.27.3."""
    module: Path | None = None
    """Directory with a program of the kit's own, of which `package` is a part; none: it comes from the module proxy."""


def pinned(name: str) -> dict[str, Any]:
    """Return the entry of pins.json."""
    entry: dict[str, Any] = json.loads(PINS.read_text("utf-8"))[name]
    return entry


def accept(source: Path, target: Path, expected: str, say: Say) -> None:
    """Move a binary into place and write its checksum; BuildError unless its digest is the expected one."""
    digest = artefacts.sha256(source)
    if expected and digest != expected:
        raise BuildError(f"{source.name} has the digest {digest}, not {expected}")
    source.chmod(0o755)
    source.replace(target)
    artefacts.seal(target)
    say(f"{target.name}: {artefacts.megabytes(target)}, sha256 {digest}")


def build(recipe: Recipe, target: Path, about: str, say: Say) -> Path:
    """Compile a program unless it is there; return its path. `about` tells people how long it takes."""
    if artefacts.is_sealed(target):
        say(f"{target.name} is there ({artefacts.megabytes(target)})")
        return target
    artefacts.DIRECTORY.mkdir(exist_ok=True)
    say(f"building {target.name} (about {about} on two cores)")
    directory = Path(tempfile.mkdtemp(prefix="go-", dir=artefacts.DIRECTORY))
    try:
        container.run(
            "debian13",
            "build_go.sh",
            say,
            inputs={"module": recipe.module} if recipe.module else {},
            output=directory,
            environment={
                "PACKAGE": recipe.package,
                "VERSION": recipe.version,
                "LDFLAGS": recipe.ldflags,
                "TOOLCHAIN": recipe.toolchain,
            },
            caches={"go-modules": "/go/pkg/mod"},
        )
        # Another compiler gives other bytes: Go's checksum database vouches for the source, the
        # recorded digest for the result where the compiler is the recorded one.
        compiler = (directory / "compiler").read_text("ascii").strip()
        expected = recipe.sha256 if compiler == recipe.compiler else ""
        if not expected:
            say(
                f"no digest is recorded for {compiler}; Go's checksum database has vouched for the source"
            )
        accept(directory / "program", target, expected, say)
    finally:
        shutil.rmtree(directory)
    return target
