"""Bring LangFlow's flows to what the tree says; what does not run there is put back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from langflow_ha.flows.api import Langflow, afterwards
from langflow_ha.flows.model import Flow, FlowsError, State, Step, Tree
from langflow_ha.flows.plan import canary

Tell = Callable[[str], None]


def try_out(langflow: Langflow, key: str, tree: Tree, flow: Flow, as_: Flow, tell: Tell) -> None:
    """Run a flow, or its canary, once as the tree says; raises FlowsError when it does not answer as it must."""
    smoke = tree.smoke(flow)
    if smoke.skip:
        tell(f"not run, as smoke.toml says: {as_.name}")
        return
    begun = time.monotonic()
    try:
        answer = langflow.run(as_.id, key, smoke.input, smoke.timeout)
    except FlowsError as error:
        raise FlowsError(f"{flow.path}: {as_.name!r} does not run: {error}") from error
    if not re.search(smoke.expect, answer):
        raise FlowsError(
            f"{flow.path}: {as_.name!r} ran, but {smoke.expect!r} is not in its answer: {answer[:400]}"
        )
    tell(f"runs, {time.monotonic() - begun:.1f} s: {as_.name}")


@contextmanager
def _canaries(langflow: Langflow, project: str) -> Iterator[str]:
    """Hold a project for canaries; it is removed with all that is in it."""
    for identity, name in langflow.projects().items():
        if name == project:
            langflow.remove_project(identity)
    made = langflow.make_project(project)
    with afterwards(lambda: langflow.remove_project(made)):
        yield made


def _rehearse(
    langflow: Langflow, key: str, tree: Tree, changes: Sequence[Step], project: str, tell: Tell
) -> None:
    with _canaries(langflow, project) as place:
        for step in changes:
            copy = canary(step.flow, project)
            langflow.put(copy, place)
            try_out(langflow, key, tree, step.flow, copy, tell)


def _put_back(
    langflow: Langflow, done: Sequence[Step], projects: dict[str, str], tell: Tell
) -> None:
    for step in reversed(done):
        if step.before is None:
            langflow.remove(step.flow.id)
        else:
            langflow.put(step.before, projects[step.before.project])
        tell(f"put back: {step.flow.name}")


def push(
    langflow: Langflow,
    tree: Tree,
    planned: Sequence[Step],
    project: str,
    *,
    prune: bool,
    tell: Tell,
) -> None:
    """Rehearse every changed flow as a canary in `project`, then push all, try each, remove what is to go.

    When one fails, all that were pushed are what they were before. Raises FlowsError with the reason.
    """
    changes = [step for step in planned if step.state in (State.CREATE, State.CHANGE)]
    extras = [step for step in planned if step.state is State.EXTRA] if prune else []
    done: list[Step] = []
    projects = {name: identity for identity, name in langflow.projects().items()}
    with langflow.api_key() as key:
        if changes:
            _rehearse(langflow, key, tree, changes, project, tell)
        try:
            for step in changes:
                if step.flow.project not in projects:
                    projects[step.flow.project] = langflow.make_project(step.flow.project)
                done.append(step)
                langflow.put(step.flow, projects[step.flow.project])
                try_out(langflow, key, tree, step.flow, step.flow, tell)
        except FlowsError as error:
            try:
                _put_back(langflow, done, projects, tell)
            except FlowsError as second:
                raise FlowsError(
                    f"{error}\nand it could not be put back: {second}. Once LangFlow answers, push the commit before"
                ) from error
            raise
    for step in extras:
        langflow.remove(step.flow.id)
        tell(f"removed: {step.flow.name}")
