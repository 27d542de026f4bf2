from __future__ import annotations

from pathlib import Path

import pytest
from upgrade_helpers import World


@pytest.fixture(scope="session")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("facts")


@pytest.fixture
def world(tmp_path: Path, facts: Path) -> World:
    made = World(tmp_path, facts)
    made.make()
    return made
