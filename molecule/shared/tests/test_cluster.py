"""The cluster as a whole, seen from the controller and from its nodes."""

from __future__ import annotations

import json
import ssl
import subprocess
import uuid

import httpx
import pytest
from langflow_ha.drill.flows import echo
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab, NodeSpec

EXPORTS = "/var/lib/langflow-ha-backup/flows"


def _on(node: NodeSpec, *command: str) -> str:
    code, output = Engine().execute(node.container, *command)
    assert code == 0, f"{node.name}: {' '.join(command)}: {output}"
    return output


def _members(lab: Lab, group: str) -> list[NodeSpec]:
    return [node for node in lab.nodes if group in node.groups]


@pytest.fixture(scope="module")
def client(lab: Lab) -> httpx.Client:
    trust = ssl.create_default_context(cafile=str(lab.ca_file))
    return httpx.Client(base_url=lab.url, verify=trust, timeout=10, trust_env=False)


@pytest.mark.parametrize("family", ["vip", "vip6"])
def test_each_virtual_ip_has_exactly_one_owner(lab: Lab, family: str) -> None:
    address = str(getattr(lab, family))
    owners = []
    for node in lab.nodes:
        interfaces = json.loads(_on(node, "ip", "-json", "address", "show"))
        held = {entry["local"] for interface in interfaces for entry in interface["addr_info"]}
        if address in held:
            owners.append(node.name)
    assert len(owners) == 1, f"{address} is on {owners or 'no node'}"


def _asked(node: NodeSpec, *queries: str) -> str:
    asked = [word for query in queries for word in ("-c", query)]
    return _on(node, "runuser", "-u", "postgres", "--", "psql", "-d", "langflow", "-At", *asked)


def _primaries(lab: Lab) -> list[NodeSpec]:
    databases = _members(lab, "postgresql")
    return [node for node in databases if _asked(node, "select pg_is_in_recovery()") == "f"]


def test_exactly_one_database_is_writable(lab: Lab) -> None:
    assert len(_primaries(lab)) == 1


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("transaction", "(id, flow_id, timestamp, vertex_id, status)"),
        ("vertex_build", "(build_id, flow_id, timestamp, id, valid)"),
    ],
)
def test_a_record_that_comes_twice_is_left_out(lab: Lab, table: str, row: str) -> None:
    """As LangFlow sends it, when the answer to its COMMIT was lost."""
    (primary,) = _primaries(lab)
    values = "gen_random_uuid(), gen_random_uuid(), now(), 'a', 't'"
    made = f"INSERT INTO {table} {row} VALUES ({values})"
    again = f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1"
    answers = _asked(primary, "BEGIN", made, again, "ROLLBACK").split("\n")
    assert answers[1:3] == ["INSERT 0 1", "INSERT 0 0"]


@pytest.mark.parametrize("family", ["vip", "vip6"])
def test_users_reach_langflow_through_each_virtual_ip(
    client: httpx.Client, lab: Lab, family: str
) -> None:
    address = getattr(lab, family)
    answer = client.get(f"https://{f'[{address}]' if ':' in address else address}/health_check")
    assert answer.status_code == 200
    assert answer.json()["db"] == "ok"


def test_plain_http_is_redirected(lab: Lab) -> None:
    answer = httpx.get(f"http://{lab.vip}/", trust_env=False, timeout=10)
    assert answer.status_code in (301, 302, 307, 308)
    assert answer.headers["location"].startswith("https://")


@pytest.fixture(scope="module")
def user(client: httpx.Client, lab: Lab) -> dict[str, str]:
    """Headers of the superuser."""
    credentials = dict(line.split("=", 1) for line in lab.credentials_file.read_text().splitlines())
    answer = client.post("/api/v1/login", data=credentials)
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


def test_superuser_can_log_in(client: httpx.Client, user: dict[str, str]) -> None:
    answer = client.get("/api/v1/users/whoami", headers=user)
    assert answer.status_code == 200 and answer.json()["is_superuser"]


def test_a_saved_flow_comes_back_by_langflows_own_upload(
    client: httpx.Client, user: dict[str, str], lab: Lab
) -> None:
    document = echo() | {"name": f"saved {uuid.uuid4()}"}
    made = client.post("/api/v1/flows/", headers=user, json=document).json()
    (primary,) = _primaries(lab)
    _on(primary, "systemctl", "start", "langflow-ha-backup-run@flows.service")
    saved = _on(primary, "sh", "-c", f"cat {EXPORTS}/*/{made['id']}.json")
    assert client.delete(f"/api/v1/flows/{made['id']}", headers=user).status_code == 200

    answer = client.post(
        "/api/v1/flows/upload/", headers=user, files={"file": ("flow.json", saved.encode())}
    )
    assert answer.status_code == 201, answer.text
    (back,) = answer.json()
    try:
        assert back["name"] == document["name"]
        assert back["data"] == made["data"]
    finally:
        client.delete(f"/api/v1/flows/{back['id']}", headers=user)


def test_status_says_that_the_cluster_can_fail_over(lab: Lab) -> None:
    if len(_members(lab, "postgresql")) == 1:
        pytest.skip("one database node cannot fail over")
    result = subprocess.run(
        ["langflow-ha", "status", "--lab", lab.name], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_balancer_serves_the_status_page_to_operators(
    client: httpx.Client, lab: Lab, secrets: dict[str, str]
) -> None:
    operator = ("operator", secrets["secret_status_page_password"])
    for address in [lab.vip, *(node.address for node in _members(lab, "balancer"))]:
        page = f"https://{address}/ha/"
        assert client.get(page).status_code == 401
        assert client.get(page, auth=("operator", "guessed")).status_code == 401
        shown = client.get(page, auth=operator)
        assert shown.status_code == 200, address
        assert "default-src 'none'" in shown.headers["content-security-policy"]
        told = client.get(f"{page}status.json", auth=operator).json()
        assert {node["name"]: node["error"] for node in told["nodes"]} == dict.fromkeys(
            (node.name for node in lab.nodes), ""
        )
        assert len(told["summary"]["vip_owners"]) == 1
        assert told["events"], "no node has any event"
