"""No task shows a secret: not in its output, not on a command line, not in a file for everybody.

`environment` counts as a command line: Ansible starts the module by a shell, with the variables in its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from langflow_ha.preflight.specs import ROOT, load_specs

SPECS = load_specs()
ROLES = sorted(SPECS.roles)
SECRET = re.compile(r"_(password|passphrase|secret_key|private_key|signing_key)$")
EXPRESSION = re.compile(r"{{.*?}}|{%.*?%}", re.S)
COMMANDS = ("ansible.builtin.command", "ansible.builtin.shell", "ansible.builtin.raw")
WRITERS = ("ansible.builtin.template", "ansible.builtin.copy", "ansible.builtin.lineinfile")
# They show conditions and messages, or nothing at all; what they include is looked at itself.
SHOW_NO_VALUES = re.compile(
    r"ansible\.builtin\.(assert|(include|import)_\w+|meta|group_by|set_fact)$"
)
# Names in a list of buckets, and how long something is.
PUBLIC_PART = re.compile(r"\w+\s*\|\s*(map\(attribute='(name|alias)'\)|length)")
HIDES_ITSELF = "patroni_dynamic_config"
"""Module of the kit whose own specification hides the password."""
KEYWORDS = {
    *(
        "name",
        "when",
        "register",
        "no_log",
        "notify",
        "changed_when",
        "failed_when",
        "until",
        "tags",
    ),
    *("vars", "become", "become_user", "loop_control", "environment", "loop", "delegate_to"),
    *("block", "rescue", "always", "check_mode", "diff", "run_once", "retries", "delay", "listen"),
    *("ignore_unreachable", "any_errors_fatal", "throttle", "async", "poll", "args", "timeout"),
}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8")) if path.exists() else None


def mentioned(value: Any) -> set[str]:
    """Return the variables in the expressions of a value, keys included."""
    text = value if isinstance(value, str) else yaml.safe_dump(value, width=1 << 16)
    found = PUBLIC_PART.sub("", " ".join(EXPRESSION.findall(text)))
    return set(re.findall(r"\b[A-Za-z_]\w*", re.sub(r"'[^']*'|\"[^\"]*\"", "", found)))


def secrets_of(role: str) -> set[str]:
    """Return the role's variables that hold a secret, or are made of one."""
    found = {n for entry in SPECS.roles[role].values() for n in entry if SECRET.search(n)}
    made = {**(load(ROOT / f"roles/{role}/defaults/main.yml") or {})}
    made |= load(ROOT / f"roles/{role}/vars/main.yml") or {}
    size = -1
    while size != len(found):
        size = len(found)
        found |= {name for name, value in made.items() if mentioned(value) & found}
    return {name for name in found if not name.endswith(("_file", "_no_log"))}


Task = Mapping[str, Any]


def tasks(role: str) -> Iterator[tuple[str, Task, bool, Mapping[str, Any]]]:
    """Yield each task of the role: where, itself, whether it is hidden, and the variables around it."""

    def walk(where: str, items: Any, hidden: bool, around: Mapping[str, Any]) -> Any:
        for task in items or []:
            inner = hidden or bool(task.get("no_log", False))
            known = {**around, **task.get("vars", {})}
            place = f"{where}: {task.get('name')}"
            yield place, task, inner, known
            for part in ("block", "rescue", "always"):
                yield from walk(where, task.get(part), inner, known)

    for path in sorted((ROOT / "roles" / role).glob("*/*.yml")):
        if path.parent.name in ("tasks", "handlers"):
            yield from walk(str(path.relative_to(ROOT)), load(path), False, {})


def module_of(task: Task) -> tuple[str, Any]:
    names = [key for key in task if key not in KEYWORDS]
    return (names[0], task[names[0]]) if names else ("", None)


def templates_of(role: str, task: Task) -> list[Path]:
    """Return the templates that a task may write: the one it names, or those its loop does."""
    directory = ROOT / "roles" / role / "templates"
    text = yaml.safe_dump(dict(task), width=1 << 16)
    source = str(task["ansible.builtin.template"].get("src", ""))
    if "{{" not in source:
        return [directory / source]
    # What the loop is, where it is written down; else any of them.
    named = [
        path for path in directory.glob("*") if re.search(rf"\b{re.escape(path.stem)}\b", text)
    ]
    return named or list(directory.glob("*"))


def findings(role: str) -> list[str]:
    secret = secrets_of(role)
    found = []
    for where, task, hidden, around in tasks(role):
        known = secret | {n for n, value in around.items() if mentioned(value) & secret}
        if mentioned(task.get("environment", "")) & known:
            found.append(f"{where}: environment")
        module, arguments = module_of(task)
        if not module or module == HIDES_ITSELF or SHOW_NO_VALUES.match(module):
            continue
        if module in COMMANDS:
            shown = (
                {k: v for k, v in arguments.items() if k != "stdin"}
                if isinstance(arguments, dict)
                else arguments
            )
            if mentioned(shown) & known:
                found.append(f"{where}: command line")
        carries = bool(mentioned(arguments) & known or mentioned(task.get("loop", "")) & known)
        if module == "ansible.builtin.template":
            texts = [path.read_text("utf-8") for path in templates_of(role, task) if path.is_file()]
            carries = carries or any(mentioned(text) & known for text in texts)
        if carries and not hidden:
            found.append(f"{where}: output")
        if (
            carries
            and module in WRITERS
            and not str(arguments.get("mode", "0")).endswith(("0", "}}"))
        ):
            found.append(f"{where}: a file of mode {arguments['mode']}")
    return found


@pytest.mark.parametrize("role", ROLES)
def test_no_task_shows_a_secret(role: str) -> None:
    assert findings(role) == []


def test_the_search_finds_what_it_looks_for() -> None:
    assert {"valkey_password", "valkey_former_password"} <= secrets_of("valkey")
    assert "__langflow_environment" in secrets_of("langflow")
    hidden = [r for r in ROLES for _, t, h, _ in tasks(r) if h and module_of(t)[0] in WRITERS]
    assert len(hidden) > 15
    module = (ROOT / f"roles/postgresql/library/{HIDES_ITSELF}.py").read_text("utf-8")
    assert re.search(r'"password": .*"no_log": True', module)
