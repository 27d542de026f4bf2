"""The machines of the scenario, and where its figures go."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from langflow_ha.lab import service
from langflow_ha.lab.model import Lab
from machines import Machines


@pytest.fixture(scope="session")
def lab() -> Lab:
    return service.load(f"molecule-{os.environ['MOLECULE_SCENARIO_NAME']}")


@pytest.fixture(scope="session")
def machines(lab: Lab) -> Machines:
    return Machines(lab)


@pytest.fixture(scope="session")
def figure(lab: Lab) -> Iterator[Callable[[str, float], None]]:
    """Keep a figure: printed at the end, and in .lab/nfs-figures.json, which outlives the lab."""
    figures: dict[str, float] = {}
    yield lambda name, seconds: figures.update({name: round(seconds, 2)})
    file = Path(lab.directory).parent / "nfs-figures.json"
    file.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(f"\nseconds: {json.dumps(figures, indent=2)}")
