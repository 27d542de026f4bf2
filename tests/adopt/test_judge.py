"""What speaks against taking an instance over, as a table; and the reading of copies."""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROLE = Path(__file__).parents[2] / "roles" / "adopt"


def load(path: Path) -> ModuleType:
    """Import a file of the role, which is no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


adopt = load(ROLE / "files" / "langflow_adopt.py")

MARK = "adopt: unfinished"
WANTED = adopt.Wanted("langflow_adopted", "langflow_before_adoption", MARK)
CLUSTER = adopt.Cluster(
    users=("admin",),
    flows=25,
    databases={"langflow": "", "postgres": ""},
    superuser="admin",
    storage="s3",
    known=frozenset({"r1", "r2"}),
)
COPY = adopt.Copy("r2", (adopt.User("ann", superuser=True), adopt.User("bob")), {"flow": 3})


def test_a_fresh_cluster_takes_an_instance_over() -> None:
    assert adopt.judge(COPY, CLUSTER, WANTED) == ([], [])


@pytest.mark.parametrize(
    ("copy", "cluster", "wanted", "words"),
    [
        ({"revision": "r9"}, {}, {}, "the old instance is newer"),
        ({"revision": ""}, {}, {}, "no schema of LangFlow's"),
        ({"users": ()}, {}, {}, "has no users"),
        ({"knowledge_bases": 2}, {}, {}, "2 knowledge bases"),
        ({"users": (adopt.User("Admin"),)}, {}, {}, "who is no superuser"),
        ({"users": (adopt.User("admin", superuser=True),)}, {}, {}, "superuser_password"),
        ({}, {"storage": "local"}, {}, "into an object store only"),
        ({}, {"users": ("admin", "zoe", "yan")}, {}, "2 users besides admin (yan, zoe)"),
        ({}, {"databases": {"langflow_before_adoption": ""}}, {}, "from an earlier adoption"),
        ({}, {"databases": {"langflow_adopted": "mine"}}, {}, "no unfinished adoption made"),
    ],
)
def test_what_cannot_be_is_refused(
    copy: dict[str, Any], cluster: dict[str, Any], wanted: dict[str, Any], words: str
) -> None:
    refusals, _ = adopt.judge(
        replace(COPY, **copy), replace(CLUSTER, **cluster), replace(WANTED, **wanted)
    )
    assert len(refusals) == 1 and words in refusals[0]


def test_an_older_schema_is_no_reason() -> None:
    assert adopt.judge(replace(COPY, revision="r1"), CLUSTER, WANTED)[0] == []


def test_users_of_the_cluster_are_replaced_when_that_is_wanted() -> None:
    busy = replace(CLUSTER, users=("admin", "zoe"))
    assert adopt.judge(COPY, busy, replace(WANTED, replace=True))[0] == []


def test_what_an_unfinished_adoption_left_is_no_reason() -> None:
    left = replace(CLUSTER, databases={"langflow": "", "langflow_adopted": MARK})
    assert adopt.judge(COPY, left, WANTED)[0] == []


def test_a_superuser_with_the_sites_password_is_welcome() -> None:
    copy = replace(COPY, users=(adopt.User("admin", superuser=True, password_fits=True),))
    assert adopt.judge(copy, CLUSTER, WANTED)[0] == []


def test_the_user_of_auto_login_is_claimed_or_warned_about() -> None:
    default = adopt.User("langflow", superuser=True, signed_in=False)
    copy = replace(COPY, users=(default,))
    refusals, warnings = adopt.judge(copy, CLUSTER, WANTED)
    assert refusals == [] and len(warnings) == 1 and "deactivate" in warnings[0]
    claiming = replace(CLUSTER, users=("langflow",), superuser="langflow")
    assert adopt.judge(copy, claiming, WANTED) == ([], [])
    signed_in = replace(copy, users=(replace(default, signed_in=True),))
    assert adopt.judge(signed_in, claiming, WANTED)[0] != []


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "langflow.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        CREATE TABLE alembic_version (version_num);
        INSERT INTO alembic_version VALUES ('r2');
        CREATE TABLE "user" (username, password, is_superuser, last_login_at);
        INSERT INTO "user" VALUES ('bob', 'x', 0, NULL), ('ann', 'x', 1, '2026-01-01');
        CREATE TABLE flow (id);
        INSERT INTO flow VALUES (1), (2);
        """
    )
    connection.close()
    return path


def test_a_copy_is_read(database: Path) -> None:
    copy = adopt.read_copy(database, "Ann", lambda hashed: hashed == "x")
    assert copy == adopt.Copy(
        "r2",
        (
            adopt.User("bob", signed_in=False),
            adopt.User("ann", superuser=True, password_fits=True),
        ),
        {"flow": 2},
    )


def test_a_database_of_something_else_has_no_revision(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    sqlite3.connect(path).close()
    assert adopt.read_revision(path) == ""


def test_settings_point_at_the_copy_and_at_the_new_database(tmp_path: Path) -> None:
    url = "postgresql://langflow:p%2Fw@127.0.0.1:5432/langflow?sslmode=verify-full"
    files = adopt.settings({"LANGFLOW_DATABASE_URL": url}, tmp_path, "langflow_adopted")
    target = "postgresql://langflow:p%2Fw@127.0.0.1:5432/langflow_adopted?sslmode=verify-full"
    assert files["target.env"] == {"LANGFLOW_DATABASE_URL": target}
    assert files["source.env"]["LANGFLOW_MIGRATION_TARGET_URL"] == target
    assert files["source.env"]["LANGFLOW_DATABASE_URL"] == f"sqlite:///{tmp_path}/langflow.db"
    adopt.write_settings({"x.env": {"A": 'say "$1"\\'}}, tmp_path)
    assert (tmp_path / "x.env").read_text() == 'A="say \\"\\$1\\"\\\\"\n'
    assert (tmp_path / "x.env").stat().st_mode & 0o777 == 0o600
