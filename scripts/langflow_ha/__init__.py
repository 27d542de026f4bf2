"""Controller side of the kit: lab, artefact bundle, secrets, status, drills; `health/` runs on nodes."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""Directory of the checkout: the package is always installed editable, next to roles and playbooks."""
