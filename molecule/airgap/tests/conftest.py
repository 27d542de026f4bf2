"""The cut-off site."""

from __future__ import annotations

import offline
import pytest
from langflow_ha.lab.model import Lab


@pytest.fixture(scope="session")
def site() -> Lab:
    return offline.lab()
