"""A user's session and builds do not belong to the node that began them."""

from __future__ import annotations

import json
import secrets
import ssl
import time
from collections.abc import Callable, Iterator
from importlib.resources import files

import httpx
import pytest
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab

STICKY = "LANGFLOW_NODE"
"""The balancer's cookie: a request that carries it goes to the node that it names."""
LOGGED_S = 10.0
FOR_USERS = "/api/v1/projects/"
"""Refused without a valid session, unlike pages that answer nobody in particular."""


def stranger(lab: Lab) -> httpx.Client:
    """Somebody at the virtual IP who did not log in."""
    trust = ssl.create_default_context(cafile=str(lab.ca_file))
    return httpx.Client(base_url=lab.url, verify=trust, timeout=20, trust_env=False)


@pytest.fixture(scope="module")
def browser(lab: Lab) -> Iterator[httpx.Client]:
    """A user who logged in once, through the virtual IP; the session is in the cookies alone."""
    credentials = dict(line.split("=", 1) for line in lab.credentials_file.read_text().splitlines())
    with stranger(lab) as client:
        client.post("/api/v1/login", data=credentials).raise_for_status()
        yield client


@pytest.fixture
def trace() -> str:
    return secrets.token_hex(16)


@pytest.fixture
def served_by(lab: Lab, trace: str) -> Callable[[int], list[str]]:
    """The LangFlow nodes that answered the requests of this trace, by the balancers' access logs."""
    engine = Engine()
    command = ("journalctl", "--since=-2min", "--output=cat", "--identifier=haproxy")

    def read() -> list[str]:
        found = []
        for node in lab.nodes:
            if "balancer" in node.groups:
                _, log = engine.execute(node.container, *command, f"--grep={trace}")
                found += [json.loads(li)["server"] for li in log.splitlines() if li[:1] == "{"]
        return found

    def wait_for(requests: int) -> list[str]:
        limit = time.monotonic() + LOGGED_S
        while len(found := read()) < requests and time.monotonic() < limit:
            time.sleep(0.2)
        assert len(found) == requests, f"{requests} requests, {len(found)} lines in the access logs"
        return found

    return wait_for


def traced(trace: str) -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}


def langflow_nodes(lab: Lab) -> list[str]:
    return [node.name for node in lab.nodes if "langflow" in node.groups]


def test_a_session_holds_on_every_node(
    browser: httpx.Client, lab: Lab, trace: str, served_by: Callable[[int], list[str]]
) -> None:
    if lab.mode != "active_active":
        pytest.skip("one node serves")
    nodes = langflow_nodes(lab)
    answers = [
        browser.get("/api/v1/users/whoami", headers=traced(trace)) for _ in range(4 * len(nodes))
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert set(served_by(len(answers))) == set(nodes)


def test_a_build_is_followed_on_another_node(
    browser: httpx.Client, lab: Lab, trace: str, served_by: Callable[[int], list[str]]
) -> None:
    if lab.mode != "active_active":
        pytest.skip("builds are followed on the node that serves")
    nodes = langflow_nodes(lab)
    document = json.loads(files("langflow_ha.drill").joinpath("data/echo_flow.json").read_text())
    flow = browser.post("/api/v1/flows/", json={**document, "name": f"session-{trace}"})
    flow.raise_for_status()
    url = f"/api/v1/build/{flow.json()['id']}/flow"
    polling = {"event_delivery": "polling"}

    def at(node: str) -> dict[str, str]:
        cookies = "; ".join(f"{c.name}={c.value}" for c in browser.cookies.jar if c.name != STICKY)
        return {**traced(trace), "cookie": f"{cookies}; {STICKY}={node}"}

    started = browser.post(
        url,
        params={**polling, "log_builds": "false"},
        headers=at(nodes[0]),
        json={"inputs": {"input_value": "echo"}},
    )
    assert started.status_code == 200, started.text
    events = f"/api/v1/build/{started.json()['job_id']}/events"
    followed = []
    for node in [*nodes[1:], *nodes[1:]] * 10:
        answer = browser.get(events, params=polling, headers=at(node))
        assert answer.status_code == 200, f"{node}: {answer.text}"
        followed.append(node)
        if '"end"' in answer.text:
            break
        time.sleep(0.3)
    browser.delete(f"/api/v1/flows/{flow.json()['id']}")
    assert '"end"' in answer.text, "the build did not end"
    assert served_by(1 + len(followed)) == [nodes[0], *followed]


@pytest.fixture
def database_away(lab: Lab) -> Iterator[None]:
    """No LangFlow reaches the database, as in a failover; nothing else is touched."""
    engine = Engine()
    proxies = [node.container for node in lab.nodes if "langflow" in node.groups]

    def every(verb: str) -> None:
        for container in proxies:
            code, output = engine.execute(container, "systemctl", verb, "backend-proxy")
            assert code == 0, output

    every("stop")
    yield
    every("start")


def test_a_wrong_token_is_the_users_fault(lab: Lab) -> None:
    with stranger(lab) as client:
        answer = client.get(FOR_USERS, headers={"authorization": "Bearer wrong"})
    assert answer.status_code == 401, answer.text[:300]


@pytest.mark.usefixtures("database_away")
def test_a_database_that_is_away_logs_nobody_out(browser: httpx.Client) -> None:
    limit = time.monotonic() + 4
    answers = []
    while time.monotonic() < limit:
        answers.append(browser.get(FOR_USERS))
        time.sleep(0.1)
    assert {answer.status_code for answer in answers} <= {500, 503}
    assert answers[-1].headers["retry-after"]


def test_the_session_goes_on_afterwards(browser: httpx.Client) -> None:
    limit = time.monotonic() + 5
    while browser.get(FOR_USERS).status_code != 200:
        assert time.monotonic() < limit, "no answer 5 s after the database is back"
        time.sleep(0.1)
