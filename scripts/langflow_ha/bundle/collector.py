"""The OpenTelemetry Collector, compiled with the parts that the kit needs. Only sites with `traces_enabled` need it."""

from __future__ import annotations

from pathlib import Path

from langflow_ha.bundle import artefacts, golang
from langflow_ha.bundle.container import Say

MODULE = Path(__file__).parent / "collector"
"""What its project's builder wrote from components.yaml there; go.sum has the digest of every source."""


def recipe() -> golang.Recipe:
    """Return what is compiled."""
    pin = golang.pinned("collector")
    return golang.Recipe(
        package=".",
        version=pin["version"],
        ldflags="-s -w",
        compiler=pin["compiler"],
        sha256=pin["sha256"],
        toolchain=pin["compiler"],
        module=MODULE,
    )


def binary_file() -> Path:
    """Return where the binary is, or will be."""
    return artefacts.DIRECTORY / f"collector-{recipe().version}-linux-amd64"


def build(say: Say) -> Path:
    """Compile the collector unless it is there; return its path."""
    return golang.build(recipe(), binary_file(), "two minutes", say)
