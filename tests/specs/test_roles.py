"""All roles have the same shape, and their defaults, specs and use of variables agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment
from langflow_ha.preflight.specs import ROOT, Option, load_specs, wiring_names

SPECS = load_specs()
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
OPERATORS = ("site", "host", "secrets")
"""Entries of preflight's spec that describe the operator's variables, not the role's."""

# Roles without a daemon of their own have no service to install, configure and start.
WITHOUT_SERVICE = {
    *(
        "adopt",
        "bundle",
        "canary",
        "drill",
        "flows",
        "maintenance",
        "preflight",
        "removal",
        "replacement",
        "restore",
        "rotate_secrets",
        "switchover",
        "tls",
        "update_packages",
        "upgrade",
        "verify",
    )
}
WIRING = "\n".join(
    path.read_text("utf-8") for path in sorted((ROOT / "playbooks" / "group_vars").rglob("*.yml"))
)
CODE = ("tasks", "templates", "handlers", "vars", "files")


def options(role: str) -> dict[str, Option]:
    """Return the role's own options of all entry points."""
    return {
        name: option
        for entry, entries in SPECS.roles.get(role, {}).items()
        if not (role == "preflight" and entry in OPERATORS)
        for name, option in entries.items()
    }


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8")) if path.exists() else None


def defaults(role: str) -> dict[str, Any]:
    return load(ROOT / "roles" / role / "defaults" / "main.yml") or {}


def code(role: str) -> dict[Path, str]:
    """Return the text of the role's working files."""
    found = {}
    for directory in CODE:
        for path in sorted((ROOT / "roles" / role / directory).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found[path.relative_to(ROOT)] = path.read_text("utf-8", errors="replace")
    return found


def words(text: str) -> set[str]:
    return set(re.findall(r"\b[A-Za-z_]\w*\b", text))


@pytest.mark.parametrize("role", ROLES)
def test_shape(role: str) -> None:
    base = ROOT / "roles" / role
    wanted = ["README.md", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml"]
    if role not in WITHOUT_SERVICE:
        wanted += [f"tasks/{name}.yml" for name in ("install", "configure", "service")]
    assert [name for name in wanted if not (base / name).is_file()] == []


@pytest.mark.parametrize("role", ROLES)
def test_main_is_a_table_of_contents(role: str) -> None:
    allowed = {"import_tasks", "include_tasks", "import_role", "include_role", "meta"}
    for task in load(ROOT / "roles" / role / "tasks" / "main.yml") or []:
        modules = {key.removeprefix("ansible.builtin.") for key in task}
        assert modules & allowed, f"roles/{role}/tasks/main.yml works itself: {task.get('name')}"


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_what_the_spec_says(role: str) -> None:
    specified = {name: o.default for name, o in options(role).items() if o.has_default}
    assert defaults(role) == specified


@pytest.mark.parametrize("role", ROLES)
def test_options_are_required_or_have_a_default(role: str) -> None:
    neither = [n for n, o in options(role).items() if o.required == o.has_default]
    assert neither == []


@pytest.mark.parametrize("role", ROLES)
def test_options_are_described(role: str) -> None:
    assert [name for name, option in options(role).items() if not option.description] == []


@pytest.mark.parametrize("role", ROLES)
def test_variables_carry_the_roles_prefix(role: str) -> None:
    names = set(options(role)) | set(defaults(role))
    assert sorted(name for name in names if not name.startswith(f"{role}_")) == []
    registered = re.findall(r"^\s*register: (\w+)", "\n".join(code(role).values()), re.M)
    assert sorted(name for name in set(registered) if not name.startswith(f"__{role}_")) == []


@pytest.mark.parametrize("role", ROLES)
def test_every_option_is_used(role: str) -> None:
    used = words("\n".join(code(role).values()))
    for value in [*defaults(role).values(), *re.findall(r"{{.*?}}", WIRING, re.S)]:
        used |= words(str(value))
    assert sorted(set(options(role)) - used) == []


@pytest.mark.parametrize("role", ROLES)
def test_role_knows_neither_groups_nor_other_roles(role: str) -> None:
    own = set(options(role))
    foreign = {n for other in ROLES if other != role for n in options(other)} - own
    foreign |= {*SPECS.site, *SPECS.host, *SPECS.secrets} - own
    found = []
    for path, text in code(role).items():
        if path.parts[2] == "files":
            continue
        # Only expressions and conditions; prose in comments may name what it likes.
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        body = "\n".join(lines)
        if re.search(r"\bgroups\s*[\[.]|\bgroup_names\b", body):
            found.append(f"{path}: inventory groups")
        expressions = " ".join(re.findall(r"{[{%].*?[%}]}", body, re.S))
        conditions = " ".join(re.findall(r"^\s*(?:-? ?when|that|until): .*", body, re.M))
        strings = re.compile(r"'[^']*'|\"[^\"]*\"")
        names = words(strings.sub("", expressions + conditions))
        # An attribute of a dictionary or a keyword argument is no variable.
        attributes = set(re.findall(r"\.(\w+)", body)) | set(re.findall(r"\b(\w+)=", body))
        found += [f"{path}: {name}" for name in sorted((names & foreign) - attributes)]
    assert found == []


@pytest.mark.parametrize("role", ROLES)
def test_templates_parse(role: str) -> None:
    environment = Environment(extensions=["jinja2.ext.do"])
    for path, text in code(role).items():
        if path.suffix == ".j2":
            environment.parse(text, filename=str(path))


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_ignored(role: str) -> None:
    assert [str(path) for path, text in code(role).items() if "ignore_errors:" in text] == []


def test_wiring_sets_only_variables_that_exist() -> None:
    known = SPECS.names()
    assert sorted(n for n in wiring_names() if not n.startswith("__") and n not in known) == []


def test_every_required_variable_is_wired() -> None:
    given = wiring_names() | set(SPECS.site) | set(SPECS.secrets)
    # Entries other than main get their arguments from the play that includes them.
    mains = [SPECS.roles.get(role, {}).get("main", {}) for role in ROLES]
    missing = {name for main in mains for name, option in main.items() if option.required}
    assert sorted(missing - given) == []


def test_wiring_does_not_override_what_an_operator_sets() -> None:
    """Playbook group_vars win over the inventory's: a site variable set there could not be changed."""
    assert sorted(wiring_names() & {*SPECS.site, *SPECS.secrets}) == []


def test_wirings_defaults_are_the_documented_ones() -> None:
    """`vip_ipv6 | default('')` in the wiring has to agree with the site's spec."""
    wrong = []
    for name, literal in re.findall(r"\b(\w+) \| default\(((?:\[[^\]]*\]|[^()\[\],])+)", WIRING):
        option = SPECS.site.get(name)
        if option and option.has_default and yaml.safe_load(literal) != option.default:
            wrong.append(f"{name}: {literal} in the wiring, {option.default!r} in the spec")
    assert wrong == []


def test_site_variables_that_a_role_reads_directly_have_one_default() -> None:
    for role in ROLES:
        for name in set(options(role)) & set(SPECS.site):
            assert options(role)[name].default == SPECS.site[name].default, f"{role}: {name}"
