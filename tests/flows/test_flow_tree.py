"""The directory of flows, and what is refused in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from flows_helpers import SECRET, field, flow, write
from langflow_ha.flows.model import FlowsError
from langflow_ha.flows.tree import read


def test_flows_are_read_with_their_projects_and_how_they_are_tried(tmp_path: Path) -> None:
    smoke = '["support/a"]\ninput = "2 + 2"\nexpect = "4"\ntimeout = 5\n'
    tree = read(write(tmp_path, flow(1, "a"), flow(2, "b", "sales"), smoke=smoke))
    assert [(one.project, one.name) for one in tree.flows] == [("sales", "b"), ("support", "a")]
    assert tree.smoke(tree.flows[1]).input == "2 + 2"
    assert tree.smoke(tree.flows[0]).input == "ping"


def test_a_typed_secret_is_refused_by_flow_node_and_field_without_its_value(tmp_path: Path) -> None:
    write(tmp_path, flow(1, "a", api_key=field(SECRET, password=True)))
    with pytest.raises(FlowsError) as error:
        read(tmp_path)
    assert "support/a.json: node Model-1, field api_key" in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("support/a.json", "{", "is not JSON"),
        ("support/a.json", "[]", "is no flow"),
        ("support/a.json", '{"name": "a", "data": {}}', "data.nodes"),
        ("support/a.json", '{"name": "a", "data": {"nodes": []}}', "no UUID"),
        ("a.json", "{}", "one directory a project"),
        ("x/y/a.json", "{}", "one directory a project"),
        ("support/a.txt", "", "there is no flow"),
        ("smoke.toml", "x", "smoke.toml"),
        ("smoke.toml", '["support/z"]', "names no flow"),
        ("smoke.toml", '["support/ok"]\nwhat = 1', "nothing else"),
        ("smoke.toml", '["support/ok"]\nskip = "yes"', "must be bool"),
        ("smoke.toml", '["support/ok"]\nexpect = "("', "no regular expression"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    if name == "smoke.toml":
        write(tmp_path, flow(9, "ok"))
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    with pytest.raises(FlowsError, match=words):
        read(tmp_path)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, flow(1, "a"), flow(1, "b"), flow(2, "a", "sales"))
    with pytest.raises(FlowsError) as error:
        read(tmp_path)
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert "id" in lines[0]
    assert "name a is that of" in lines[1]
