"""What an archive is made of follows from the parts of a site, and the roles install nothing else."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from langflow_ha import ROOT
from langflow_ha.bundle import archive, artefacts, components, packages
from langflow_ha.bundle.cli import app
from typer.testing import CliRunner

# What a task's expression comes to, where it is more than a list.
EXPRESSIONS = {
    "{{ base_packages + (['chrony'] if base_time_sync_enabled else []) }}": [
        *("ca-certificates", "iproute2", "chrony")
    ],
    "{{ __exporters_wanted | map('regex_replace', '^(.*)$', 'prometheus-\\1-exporter') | list }}": [
        f"prometheus-{name}-exporter" for name in ("postgres", "redis", "blackbox")
    ],
    # Only such as are there already.
    "{{ __update_packages_known if __update_packages_by_name else omit }}": [],
    "{{ __valkey_flavour.packages }}": ["valkey-server", "valkey-sentinel", "valkey-tools"],
}


def _tasks(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for task in tasks:
        found.append(task)
        for key in ("block", "rescue", "always"):
            found += _tasks(task.get(key, []))
    return found


def _installed(role: Path) -> set[str]:
    """Packages that the role's tasks name."""
    defaults = role / "defaults" / "main.yml"
    known: dict[str, Any] = yaml.safe_load(defaults.read_text()) if defaults.exists() else {}
    found: set[str] = set()
    for file in (role / "tasks").rglob("*.yml"):
        for task in _tasks(yaml.safe_load(file.read_text()) or []):
            for module in ("ansible.builtin.apt", "ansible.builtin.package"):
                names = (task.get(module) or {}).get("name", [])
                variables = {**known, **task.get("vars", {})}
                if isinstance(names, str) and (one := re.fullmatch(r"{{ (\w+) }}", names)):
                    names = variables[one[1]]
                names = EXPRESSIONS.get(names, names) if isinstance(names, str) else names
                found |= {names} if isinstance(names, str) else set(names)
    return found


@pytest.mark.parametrize("role", sorted((ROOT / "roles").iterdir()), ids=lambda role: role.name)
def test_every_package_of_every_role_is_in_the_table(role: Path) -> None:
    table = {name for names in components.PACKAGES.values() for name in names}
    assert _installed(role) - table == set()


def test_the_table_has_nothing_that_no_role_installs() -> None:
    installed = {name for role in (ROOT / "roles").iterdir() for name in _installed(role)}
    parts = [name for name in components.PACKAGES if name != components.CONTROLLER]
    own = set(components.packages("debian13", parts))
    assert own - installed == {"python3-apt"}, "python3-apt is what Ansible's apt module needs"


def test_debian_12_has_redis_and_no_database() -> None:
    found = components.packages("debian12", ["valkey", "postgresql", "balancer"])
    assert "redis-server" in found and "keepalived" in found
    assert not [name for name in found if name.startswith(("valkey", "postgresql"))]


def test_an_unknown_component_is_named() -> None:
    with pytest.raises(ValueError, match="--component 'database': there are cluster, balancer"):
        components.checked(["etcd", "database"])


def test_index_of_a_repository() -> None:
    index = "Package: b\nVersion: 2:1.0-1\nDescription: x\n Version: no\n\nPackage: a\nVersion: 3\n"
    assert packages.versions(index) == {"a": "3", "b": "2:1.0-1"}


def test_a_repository_ends_with_the_mark_of_completeness(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    for name in ("b.deb", "Packages", "a.deb"):
        (tmp_path / "r" / name).write_text(name)
    packages.pack(tmp_path / "r", tmp_path / "r.tar")
    with tarfile.open(tmp_path / "r.tar") as packed:
        assert packed.getnames() == ["Packages", "a.deb", "b.deb", ".complete"]
        assert {member.uname for member in packed} == {"root"}


def _plan(**changes: Any) -> archive.Plan:
    usual: dict[str, Any] = {
        "kit": "langflow-ha-0.1.0-0123456789ab",
        "systems": ("debian13",),
        "controllers": ("debian12",),
        "components": ("cluster", "langflow", "minio"),
        "langflow": ("1.13.0",),
    }
    return archive.Plan(**(usual | changes))


def test_a_plan_has_what_its_parts_need() -> None:
    plan = _plan(packages=("linux-image-amd64",))
    assert [name for name, _, _ in plan.files()] == ["LangFlow for debian13", "MinIO"]
    assert {"haproxy", "minio-client", "linux-image-amd64"} <= set(plan.wanted("debian13"))
    assert plan.wanted("debian12") == components.packages("debian12", ["controller"])
    assert plan.all_systems() == ["debian12", "debian13"]
    assert plan.stem == _plan(packages=("linux-image-amd64",)).stem != _plan().stem
    assert _plan(components=("cluster",)).files() == []


def test_an_archive_that_is_there_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "kit_name", lambda: "langflow-ha-0.1.0-0123456789ab")
    monkeypatch.setattr(archive, "uncommitted", lambda: ["README.md"])
    made: list[Path] = []

    def make(plan: archive.Plan, extra: object, key: object, target: Path, say: object) -> None:
        made.append(target)
        target.write_text("archive")
        artefacts.seal(target)

    monkeypatch.setattr(archive, "make", make)
    target = tmp_path / "a.tar"
    command = ["archive", f"--key={tmp_path}/key", f"--output={target}", "--component=cluster"]
    planned = CliRunner().invoke(app, [*command, "--plan"])
    assert (planned.exit_code, made) == (0, []), planned.output
    assert f"{target} would be made" in planned.output
    assert "not in it, as it is not committed: README.md" in planned.output
    for options, times in ([], 1), ([], 1), (["--again"], 2):
        done = CliRunner().invoke(app, [*command, *options])
        assert (done.exit_code, len(made)) == (0, times), done.output
    assert CliRunner().invoke(app, [*command, "--deb=/none.deb"]).exit_code == 1
