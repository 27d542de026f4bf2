"""`python3 -m langflow_ha.flows VERB`. Exit codes: 0 well, 1 refused or failed, 2 wrong call, 3 (drift) they differ.

The output is one JSON object. The password is read from standard input: an argument or the environment of
a remote command would be in the process list.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langflow_ha.flows import lfx
from langflow_ha.flows.api import Langflow
from langflow_ha.flows.documents import text, typed_secrets, without_secrets
from langflow_ha.flows.model import Flow, FlowsError, State, Step, Tree
from langflow_ha.flows.plan import refusals, steps
from langflow_ha.flows.push import push
from langflow_ha.flows.tree import read
from langflow_ha.node.files import write_atomically
from langflow_ha.node.strict import ConfigError

OK, FAILED, USAGE = 0, 1, 2
VERBS = ("check", "plan", "push", "pull")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="langflow_ha.flows", description=__doc__)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument(
        "--tree", type=Path, required=True, help="directory of <project>/<file>.json"
    )
    parser.add_argument("--lfx", default="/opt/langflow/current/venv/bin/lfx")
    parser.add_argument("--url", help="LangFlow's address, without /api")
    parser.add_argument("--ca-file", default="")
    parser.add_argument("--user", default="")
    parser.add_argument("--project", action="append", default=[], help="pull: only these; else all")
    parser.add_argument("--canary-project", default="flows canary")
    parser.add_argument(
        "--prune", action="store_true", help="push: remove flows that are not in the tree"
    )
    return parser.parse_args(argv)


def judged(tree_path: Path, lfx_path: str) -> tuple[Tree, list[str]]:
    """Read the tree and have `lfx` judge it; return it with what `lfx` says of outdated components."""
    tree = read(tree_path)
    problems = lfx.validate(lfx_path, tree_path, tree.flows)
    if problems:
        raise FlowsError("\n".join(problems))
    notes = [
        f"{flow.path}: {line}"
        for flow in tree.flows
        for line in lfx.outdated(lfx_path, tree_path, flow)
    ]
    return tree, notes


def shown(step: Step) -> dict[str, Any]:
    """Return a step for people and for Ansible."""
    return {
        "state": step.state.value,
        "project": step.flow.project,
        "name": step.flow.name,
        "id": step.flow.id,
        "differences": list(step.differences),
    }


def _log_in(arguments: argparse.Namespace) -> Langflow:
    langflow = Langflow(arguments.url, arguments.user, arguments.ca_file)
    langflow.log_in(sys.stdin.readline().rstrip("\n"))
    return langflow


def _pull(langflow: Langflow, arguments: argparse.Namespace) -> dict[str, Any]:
    """Write LangFlow's flows into the directory, under the files that have their ids already, secrets emptied."""
    there = {}
    for path in sorted(arguments.tree.glob("*/*.json")):
        try:
            there[str(json.loads(path.read_text("utf-8"))["id"])] = path
        except (ValueError, TypeError, KeyError) as error:
            raise FlowsError(
                f"{path.relative_to(arguments.tree)}: is no flow with an id: {error!r}"
            ) from error
    written, notes = [], []
    for flow in langflow.flows().values():
        if flow.project.startswith(arguments.canary_project) or (
            arguments.project and flow.project not in arguments.project
        ):
            continue
        path = there.get(flow.id) or arguments.tree / _file(flow)
        notes += [
            f"{path.relative_to(arguments.tree)}: node {field.node}, field {field.name}: the secret typed into it was left out"
            for field in typed_secrets(flow.document)
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text(without_secrets(flow.document)))
        written.append(str(path.relative_to(arguments.tree)))
    return {"written": sorted(written), "notes": notes}


def _file(flow: Flow) -> Path:
    if not flow.project or "/" in flow.project or flow.project.startswith("."):
        raise FlowsError(
            f"project {flow.project!r} of flow {flow.name!r} cannot be a directory: rename it"
        )
    words = "".join(letter if letter.isalnum() else "-" for letter in flow.name).strip("-").lower()
    # Two names may become one word.
    return Path(flow.project) / f"{words[:60]}-{flow.id[:8]}.json"


def work(arguments: argparse.Namespace, lines: list[str]) -> dict[str, Any]:
    """Do what was asked; return what is to be said besides `lines`."""
    if arguments.verb == "pull":
        return _pull(_log_in(arguments), arguments)
    tree, notes = judged(arguments.tree, arguments.lfx)
    said: dict[str, Any] = {"flows": len(tree.flows), "notes": notes}
    if arguments.verb == "check":
        return said
    langflow = _log_in(arguments)
    live = langflow.flows()
    planned = steps(tree, live)
    said["steps"] = [shown(step) for step in planned if step.state is not State.SAME]
    no = refusals(planned, live, langflow.variables(), arguments.user)
    if no:
        raise FlowsError("\n".join(no))
    if arguments.verb == "push":
        push(
            langflow, tree, planned, arguments.canary_project, prune=arguments.prune, tell=lines.append
        )  # fmt: skip
    return said


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; returns the exit code."""
    arguments = _arguments(argv)
    if arguments.verb != "check" and not (arguments.url and arguments.user):
        print(json.dumps({"refused": [f"{arguments.verb} needs --url and --user"]}))
        return USAGE
    lines: list[str] = []
    try:
        said = work(arguments, lines)
    except (FlowsError, ConfigError, OSError) as error:
        print(json.dumps({"refused": str(error).splitlines(), "lines": lines}))
        return FAILED
    print(json.dumps(said | {"lines": lines}))
    return OK
