"""What an old instance had is in the cluster, for the people who had it: passwords, keys, files, credentials."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab, NodeSpec

ADMIN = "/usr/local/lib/langflow-ha/langflow-admin"
UNLOCK = """
import asyncio
from langflow.cli.integrity import open_instance
from langflow.services.auth.utils import decrypt_api_key
from langflow.services.database.models.variable.model import Variable
from langflow.services.deps import session_scope
from sqlmodel import select

async def main():
    open_instance()
    async with session_scope() as session:
        row = (await session.exec(select(Variable).where(Variable.name == "OLD_TOKEN"))).one()
        print(decrypt_api_key(row.value))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def old(lab: Lab) -> dict[str, Any]:
    file = lab.directory / "old-instance.json"
    if not file.exists():
        pytest.skip("this scenario adopts nothing, or has not yet")
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def cluster(lab: Lab) -> Iterator[httpx.Client]:
    trust = ssl.create_default_context(cafile=str(lab.ca_file))
    with httpx.Client(base_url=lab.url, verify=trust, timeout=20, trust_env=False) as client:
        yield client


def log_in(cluster: httpx.Client, name: str, password: str) -> dict[str, str]:
    answer = cluster.post("/api/v1/login", data={"username": name, "password": password})
    assert answer.status_code == 200, f"{name}: {answer.text}"
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


def langflow_node(lab: Lab) -> NodeSpec:
    return next(node for node in lab.nodes if "langflow" in node.groups)


def test_users_log_in_with_their_old_passwords(old: dict[str, Any], cluster: httpx.Client) -> None:
    for name, password in old["users"].items():
        log_in(cluster, name, password)


def test_a_flow_runs_with_an_old_api_key(old: dict[str, Any], cluster: httpx.Client) -> None:
    answer = cluster.post(
        f"/api/v1/run/{old['flow']}",
        params={"stream": "false"},
        headers={"x-api-key": old["api_key"]},
        json={"input_value": "still there?", "input_type": "chat", "output_type": "chat"},
    )
    assert answer.status_code == 200, answer.text
    assert "still there?" in answer.text


def test_a_file_is_the_same_byte_for_byte(old: dict[str, Any], cluster: httpx.Client) -> None:
    bearer = log_in(cluster, "bob", old["users"]["bob"])
    answer = cluster.get(f"/api/v2/files/{old['file']['id']}", headers=bearer)
    assert answer.status_code == 200, answer.text
    assert answer.content.hex() == old["file"]["content"]


def test_a_stored_credential_decrypts(old: dict[str, Any], lab: Lab) -> None:
    node = langflow_node(lab).container
    write = f"cat > /run/unlock.py <<'END'\n{UNLOCK}\nEND"
    code, output = Engine().execute(node, "sh", "-c", write)
    assert code == 0, output
    code, output = Engine().execute(node, ADMIN, "script", "/run/unlock.py")
    assert code == 0, output
    assert old["credential"] in output


def test_langflow_finds_nothing_missing(old: dict[str, Any], lab: Lab) -> None:
    code, output = Engine().execute(langflow_node(lab).container, ADMIN, "check-integrity")
    assert code == 0, output


def test_the_old_instance_is_there_and_off(old: dict[str, Any], lab: Lab) -> None:
    node = [node for node in lab.nodes if "langflow" in node.groups][-1].container
    code, output = Engine().execute(node, "systemctl", "is-active", "langflow-old")
    assert (code != 0, output.strip()) == (True, "inactive")
    code, output = Engine().execute(node, "ls", "/srv/langflow-old")
    assert {"langflow.db", "secret_key"} <= set(output.split())
