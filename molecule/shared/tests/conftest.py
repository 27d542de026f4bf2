"""What the tests of every scenario share: the lab they look at, and journals when something fails."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from langflow_ha.lab import service
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab
from langflow_ha.secrets.init import paths
from langflow_ha.secrets.vault import Vault

JOURNAL = (
    "journalctl",
    "--boot",
    "--priority=warning",
    "--lines=40",
    "--no-pager",
    "--output=short",
)


@pytest.fixture(scope="session")
def lab() -> Lab:
    return service.load(f"molecule-{os.environ['MOLECULE_SCENARIO_NAME']}")


@pytest.fixture(scope="session")
def secrets(lab: Lab) -> dict[str, str]:
    """Values of the vault that can be looked for in files, by name."""
    found = {}
    for name, value in Vault(paths(lab.inventory)[0], lab.vault_password_file).read().items():
        if name.startswith("secret_"):
            # Of a key in PEM form its second line: the first is the same in every key.
            lines = str(value).splitlines()
            found[name] = lines[1] if len(lines) > 1 else str(value)
    return found


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the warnings of every node's journal to the report of a test that failed."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.when != "call" or not report.failed:
        return
    name = os.environ.get("MOLECULE_SCENARIO_NAME", "")
    engine = Engine()
    for node in service.load(f"molecule-{name}").nodes:
        _, journal = engine.execute(node.container, *JOURNAL)
        _, failed = engine.execute(
            node.container, "systemctl", "--failed", "--no-legend", "--plain"
        )
        report.sections.append((f"{node.name}: failed units, warnings", f"{failed}\n{journal}"))


@pytest.fixture(scope="session")
def operator(lab: Lab, secrets: dict[str, str]) -> Iterator[httpx.Client]:
    """A client of what the monitoring nodes serve to operators."""
    trust = ssl.create_default_context(cafile=str(lab.ca_file))
    login = ("operator", secrets["secret_monitoring_password"])
    with httpx.Client(verify=trust, auth=login, timeout=10, trust_env=False) as made:
        yield made
