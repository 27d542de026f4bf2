"""Artefacts on the controller: every file of a `sha256sum` manifest is there and unchanged."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from langflow_ha.preflight.model import Problem

LINE = re.compile(r"(?P<digest>[0-9a-f]{64}) [ *](?P<path>.+)")
FIX = (
    "build the artefacts again (langflow-ha bundle build; --logs for central_logs, --traces for traces_enabled), "
    "or open the archive of the kit again (docs/airgap.md)"
)
VARIABLE = "preflight_artefact_manifests"


def manifest_problems(manifest: Path) -> list[Problem]:
    """Return what is wrong with the files that `manifest` names, relative to its directory."""

    def problem(value: object, reason: str) -> Problem:
        return Problem("artefact", VARIABLE, str(value), reason, FIX)

    try:
        rows = manifest.read_text("utf-8").splitlines()
    except OSError:
        return [problem(manifest, "there is no such file on the controller")]
    found = []
    named = 0
    for row in filter(None, rows):
        match = LINE.fullmatch(row)
        if not match:
            found.append(problem(manifest, f"is not in sha256sum format: {row[:40]}"))
            continue
        named += 1
        path = manifest.parent / match["path"]
        try:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            found.append(problem(path, f"is named in {manifest.name} but missing"))
            continue
        if digest != match["digest"]:
            found.append(
                problem(
                    path,
                    f"has the digest {digest[:12]}…, but {manifest.name} says "
                    f"{match['digest'][:12]}…",
                )
            )
    if not named and not found:
        found.append(problem(manifest, "names no file"))
    return found
