"""The site with its store, and a client that is logged in."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator

import httpx
import pytest
from langflow_ha.lab import service
from langflow_ha.lab.model import Lab
from store import Account, accounts


@pytest.fixture(scope="session")
def lab() -> Lab:
    return service.load(f"molecule-{os.environ['MOLECULE_SCENARIO_NAME']}")


@pytest.fixture(scope="session")
def files(lab: Lab) -> Account:
    """The owner of the bucket with LangFlow's files."""
    return accounts(lab)[0]


@pytest.fixture(scope="session")
def backups(lab: Lab) -> Account:
    """The owner of the bucket with backups."""
    return accounts(lab)[1]


@pytest.fixture(scope="session")
def user(lab: Lab) -> Iterator[httpx.Client]:
    """LangFlow's superuser, at the virtual IP."""
    lines = lab.credentials_file.read_text("utf-8").splitlines()
    credentials = dict(line.split("=", 1) for line in lines)
    trust = ssl.create_default_context(cafile=str(lab.ca_file))
    with httpx.Client(base_url=lab.url, verify=trust, timeout=60, trust_env=False) as client:
        answer = client.post("/api/v1/login", data=credentials)
        assert answer.status_code == 200, answer.text
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client
