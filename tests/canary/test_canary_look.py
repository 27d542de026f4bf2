"""What is read on the nodes, and what the command makes of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langflow_ha.canary import cli
from langflow_ha.canary.decide import PROMOTE, UNDECIDED
from langflow_ha.canary.gather import LOOK, Comparison, NoCanaryError, compare
from langflow_ha.canary.look import count, step_of
from langflow_ha.status.remote import Completed, RemoteError
from langflow_ha.status.site import Node, Site

TEMPLATE = (Path(cli.__file__).parents[3] / "roles/haproxy/templates/haproxy.cfg.j2").read_text(
    "utf-8"
)


def line(server: str = "n1", status: int = 200, waited: int = 99, **changes: Any) -> str:
    entry = {"backend": "langflow", "server": server, "status": status, "ms_response": waited}
    return json.dumps({**entry, **changes})


def test_every_name_that_is_read_is_in_the_log() -> None:
    for name in ("backend", "server", "status", "ms_response"):
        assert f'"{name}":' in TEMPLATE


def test_requests_errors_and_times_of_each_server() -> None:
    lines = [
        line("n1"),
        line("n1", 404, 99),
        line("n1", 500, 3),
        line("n1", 504, -1, backend="langflow_sticky"),
        line("n3", 200, 99, backend="langflow_weighted"),
        line("<NOSRV>", 503, -1),
        line("n1", backend="status_page"),
        "Server langflow/n3 is UP",
        "[1]",
        "{}",
        line("n1", ms_response="?"),
    ]
    step = str(step_of(99))
    assert count(lines) == {
        "n1": {"requests": 4, "errors": 2, "times": {step: 2}},
        "n3": {"requests": 1, "errors": 0, "times": {step: 1}},
    }


def test_the_scale_tells_a_fifth_and_not_less() -> None:
    assert step_of(0) == 0
    assert step_of(1000) == step_of(1050) != step_of(1200)


def test_it_runs_alone_on_a_node(tmp_path: Path) -> None:
    journal = tmp_path / "journalctl"
    journal.write_text(f"#!/bin/sh\necho \"$*\" >&2\necho '{line('n3')}'\n")
    journal.chmod(0o755)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-IS", LOOK, "600"],
            env={"PATH": f"{tmp_path}:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    done = run()
    assert json.loads(done.stdout)["n3"]["requests"] == 1 and "--since=-600s" in done.stderr
    journal.write_text("#!/bin/sh\nexit 3\n")
    assert run().returncode != 0, "no log is not the same as no requests"


def node(name: str) -> Node:
    groups = frozenset({"cluster", "balancer", "langflow"})
    return Node(name, name, name, groups, ("ssh", name), sudo=False)


def site() -> Any:
    names = ("n1", "n2", "n3")
    return type("Three", (), {"name": "blue", "vips": (), "nodes": tuple(map(node, names)), "node": staticmethod(node)})()  # fmt: skip


class Nodes:
    """Three nodes of which some are canaries, and balancers with a log of their own."""

    def __init__(
        self, canaries: tuple[str, ...] = ("n3",), each: int = 100, age: float = 900.0
    ) -> None:
        self.canaries, self.each, self.age = canaries, each, age
        self.silent = ""
        self.looks: list[str] = []

    async def run(self, of: Node, script: str, *, timeout: float = 20.0) -> Completed:
        if of.name == self.silent:
            raise RemoteError(f"{of.name}: no answer")
        if "report" in script:
            weight = 22 if of.name in self.canaries else None
            version = "1.12.8" if of.name in self.canaries else "1.12.7"
            told = {
                "agent": {"standing": "fit", "canary_weight": weight},
                "langflow": {"ready": True, "version": version},
                "units": {"langflow.service": {"active": "active", "restarts": "0"}},
            }
            return Completed(0, json.dumps(told), "")
        if "uptime" in script:
            return Completed(0, f"5000000\n{self.age + 5}\n", "")
        self.looks.append(script.splitlines()[0])
        told = {
            name: {"requests": self.each, "errors": 0, "times": {"20": self.each}}
            for name in ("n1", "n2", "n3")
        }
        return Completed(0, json.dumps(told), "")


def compared(nodes: Nodes, wanted: str = "", minutes: float = 10.0) -> Comparison:
    blue: Site = site()
    remote: Any = nodes
    return asyncio.run(compare(blue, remote, wanted=wanted, seconds=minutes * 60, requests=200))


def test_all_balancers_count_for_the_canary_and_the_rest() -> None:
    found = compared(Nodes())
    assert (found.node, found.canary.requests, found.rest.requests) == ("n3", 300, 600)
    assert found.versions == {"n3": "1.12.8", "n1": "1.12.7", "n2": "1.12.7"}
    assert found.verdict.do == PROMOTE
    assert cli.table(found).row_count == 2
    assert cli.lines(found)[-1].startswith("verdict: promote: neither more errors")


def test_what_the_version_before_did_on_the_node_does_not_count() -> None:
    nodes = Nodes(age=120.0)
    assert compared(nodes).seconds == 120
    assert nodes.looks == ["python3 - 120 <<'END_OF_LOOK'"] * 3


def test_a_quiet_site_is_undecided() -> None:
    found = compared(Nodes(each=1))
    assert found.verdict.do == UNDECIDED
    assert "not enough requests to the canary: 3 of 200 wanted" in cli.lines(found)[-1]


@pytest.mark.parametrize(
    ("canaries", "wanted", "words"),
    [
        ((), "", "0 nodes are canaries"),
        (("n2", "n3"), "", "2 nodes are canaries (n2, n3): name one with --node"),
        (("n3",), "n9", "--node n9: this is no node with LangFlow"),
    ],
)
def test_without_one_canary_there_is_nothing_to_compare(
    canaries: tuple[str, ...], wanted: str, words: str
) -> None:
    with pytest.raises(NoCanaryError) as refusal:
        compared(Nodes(canaries), wanted)
    assert words in str(refusal.value)


def test_a_balancer_that_cannot_be_asked_is_no_balancer_without_requests() -> None:
    nodes = Nodes()
    nodes.silent = "n1"
    with pytest.raises(RemoteError, match="n1"):
        compared(nodes)
