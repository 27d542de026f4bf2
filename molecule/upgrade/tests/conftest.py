"""The lab of the scenario."""

from __future__ import annotations

import os

import pytest
from langflow_ha.lab import service
from langflow_ha.lab.model import Lab


@pytest.fixture(scope="session")
def lab() -> Lab:
    return service.load(f"molecule-{os.environ['MOLECULE_SCENARIO_NAME']}")
