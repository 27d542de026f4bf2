"""VictoriaLogs, the store of the site's logs, compiled from its Go module. Only sites with `central_logs` need it."""

from __future__ import annotations

from pathlib import Path

from langflow_ha.bundle import artefacts, golang
from langflow_ha.bundle.container import Say

_BUILDINFO = "github.com/VictoriaMetrics/VictoriaMetrics/lib/buildinfo.Version"


def recipe() -> golang.Recipe:
    """Return what is compiled. The linker flag gives the binary its version, as the project's own build does."""
    pin = golang.pinned("victorialogs")
    return golang.Recipe(
        package=f"{pin['module']}/app/victoria-logs",
        version=pin["version"],
        ldflags=f"-s -w -X {_BUILDINFO}=victoria-logs-{pin['version'].removeprefix('v')}",
        compiler=pin["compiler"],
        sha256=pin["sha256"],
        toolchain=pin["compiler"],
    )


def binary_file() -> Path:
    """Return where the binary is, or will be."""
    return artefacts.DIRECTORY / f"victorialogs-{recipe().version}-linux-amd64"


def build(say: Say) -> Path:
    """Compile VictoriaLogs unless it is there; return its path."""
    return golang.build(recipe(), binary_file(), "a minute", say)
