"""Remembers what a lab was deployed from, so that a second demo need not deploy it again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from langflow_ha import ROOT

SOURCES = (
    "playbooks",
    "roles",
    "plugins",
    "requirements",
    "scripts/langflow_ha/node",
    "scripts/langflow_ha/health",
    "scripts/langflow_ha/failover",
    "scripts/langflow_ha/runs",
    "scripts/langflow_ha/exporter",
    "scripts/langflow_ha/gpu",
    "scripts/langflow_ha/keeper",
    "scripts/langflow_ha/page",
    "scripts/langflow_ha/ship",
    "scripts/langflow_ha/flows",
    "scripts/langflow_ha/status/decide.py",
    "scripts/langflow_ha/status/model.py",
    "scripts/langflow_ha/status/report.py",
    "scripts/langflow_ha/status/words.py",
    "ansible.cfg",
)


def digest(inventory: Path, root: Path = ROOT, sources: Iterable[str] = SOURCES) -> str:
    """Return a hash over everything that decides what a deployment does: names and contents."""
    total = hashlib.sha256()
    for base in (*(root / source for source in sources), inventory):
        files = [base] if base.is_file() else sorted(p for p in base.rglob("*") if p.is_file())
        for file in files:
            if "__pycache__" not in file.parts:
                total.update(f"{file}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def is_deployed(marker: Path, current: str) -> bool:
    """Tell whether the last successful deployment was of exactly this."""
    return marker.is_file() and marker.read_text("utf-8").strip() == current
