"""Which migrations let the version before go on, as a table of scripts; and in which order they wait."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langflow_ha.bundle import artefacts
from langflow_ha.bundle.cli import app
from langflow_ha.upgrade import release
from langflow_ha.upgrade.migrations import (
    Migration,
    UnknownRevisionError,
    graph,
    harms,
    heads,
    parse,
    pending,
)
from typer.testing import CliRunner

HEAD = '''"""Change something.

Phase: {phase}
"""
import sqlalchemy as sa
from alembic import op
from langflow.utils import migration

revision: str = "{revision}"
down_revision = {parents!r}
TABLE = "flow"
'''


def script(
    body: str, revision: str = "b", parents: object = "a", phase: str = "EXPAND", beside: str = ""
) -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    head = HEAD.format(revision=revision, parents=parents, phase=phase)
    return f"{head}{beside}\n\ndef upgrade():\n{lines}\n\n\ndef downgrade():\n    op.drop_table(TABLE)\n"


def judged(*texts: str) -> list[str]:
    """Return the reasons against two versions beside each other."""
    found = [migration for text in texts if (migration := parse(text, "x.py"))]
    return [reason for reasons in harms(found).values() for reason in reasons]


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "op.add_column(TABLE, sa.Column('x', sa.Integer()))",
        "op.add_column(TABLE, sa.Column('x', sa.Integer(), nullable=True))",
        "op.add_column(TABLE, sa.Column('x', sa.Integer(), nullable=False, server_default='1'))",
        "op.create_table('new', sa.Column('id', sa.Uuid(), nullable=False, primary_key=True))",
        "op.create_index('ix', TABLE, ['x'])",
        "op.create_index('ix', TABLE, ['x'], unique=False)",
        "op.create_table('new')\nop.create_index('ix', 'new', ['x'], unique=True)",
        "op.create_table('new')\nwith op.batch_alter_table('new') as b:\n    b.drop_constraint('fk')",
        "conn = op.get_bind()\nif migration.table_exists('x', conn):\n    sa.inspect(conn)",
        "c = op.get_bind()\nc.execute(sa.text('SELECT 1'))\nc.execute(sa.select(sa.table('x')))",
        "with op.batch_alter_table('flow') as b:\n    b.add_column(sa.Column('x', sa.Text()))\n"
        "    b.create_index(b.f('ix'), ['x'])",
        "with op.get_context().autocommit_block():\n    op.create_index('ix', TABLE, ['x'])",
    ],
)
def test_what_only_adds_lets_the_old_version_go_on(body: str) -> None:
    assert judged(script(body)) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("op.drop_column(TABLE, 'x')", "drop column (flow)"),
        ("op.drop_table(TABLE)", "drop table (flow)"),
        ("op.drop_index('ix', TABLE)", "drop index (flow)"),
        ("op.rename_table(TABLE, 'y')", "rename table"),
        ("op.alter_column(TABLE, 'x', type_=sa.Text())", "alter column (flow)"),
        ("op.create_unique_constraint('u', TABLE, ['x'])", "create unique constraint (flow)"),
        ("op.create_check_constraint('c', TABLE, 'x > 1')", "create check constraint"),
        ("op.create_index('ix', TABLE, ['x'], unique=True)", "forbids equal values"),
        ("op.create_index('ix', TABLE, ['x'], unique=UNIQUE)", "forbids equal values"),
        ("op.add_column(TABLE, sa.Column('x', sa.Text(), nullable=False))", "must be filled"),
        ("op.add_column(TABLE, sa.Column('x', sa.Text(), nullable=N))", "must be filled"),
        (
            "op.add_column(TABLE, sa.Column('x', sa.Text(), nullable=False, server_default=None))",
            "must be filled",
        ),
        ("op.add_column(TABLE, sa.Column('x', sa.Text(), **more))", "cannot be read"),
        ("op.add_column(TABLE, column)", "cannot be read"),
        ("op.add_column(TABLE, sa.Column('x', sa.Text(), unique=True))", "of a key"),
        ("op.execute('UPDATE flow SET x = 1')", "execute"),
        ("op.execute('SELECT 1')", "execute"),
        ("op.bulk_insert(table, rows)", "writes rows"),
        ("op.get_bind().execute(sa.text('UPDATE x SET y = 1'))", "runs SQL of its own"),
        ("conn.execute(sa.text('SELECT 1 INTO y'))", "runs SQL of its own"),
        ("conn.execute(sa.text(QUERY))", "runs SQL of its own"),
        ("conn.execute(sa.update(table).values(x=1))", "runs SQL of its own"),
        ("c = op.get_bind()\nbackfill(c)", "gives the database to backfill"),
        ("Session(bind=op.get_bind())", "gives the database to Session"),
        ("o = op\no.drop_table('x')", "uses op in a way"),
        ("getattr(op, 'drop_' + 'table')('x')", "uses op in a way"),
        ("f = op.drop_table\nf('x')", "uses op in a way"),
        ("b = op.batch_alter_table('x')\nb.__enter__().drop_column('y')", "batch alter table"),
        ("with op.batch_alter_table('x') as b:\n    b.drop_column('y')", "drop column (x)"),
        ("with op.batch_alter_table('x') as b:\n    b.alter_column('y')", "alter column (x)"),
        ("import langflow.fill", "uses langflow.fill, which is not read"),
        ("from alembic import context", "uses alembic.context, which is not read"),
    ],
)
def test_what_takes_away_changes_or_cannot_be_read_does_not(body: str, words: str) -> None:
    found = judged(script(body))
    assert len(found) == 1 and words in found[0]


def test_a_helper_of_the_script_is_read_too() -> None:
    beside = "\n\ndef _more(x):\n    op.drop_table(TABLE)\n    fill(x)\n"
    assert judged(script("_more(op.get_bind())", beside=beside)) == [
        "drop table (flow)",
        "gives the database to fill",
    ]
    assert judged(script("pass", beside=beside)) == [], "what upgrade() does not name is not run"


def test_a_batch_is_of_the_table_that_it_was_opened_for() -> None:
    """The same name twice in one function, as LangFlow's d42f18a9b760 has it."""
    body = (
        "op.create_table('new')\n"
        "with op.batch_alter_table('{0}') as b:\n    b.drop_column('x')\n"
        "with op.batch_alter_table('{1}') as b:\n    b.add_column(sa.Column('x', sa.Text()))"
    )
    assert judged(script(body.format("new", "flow"))) == []
    assert judged(script(body.format("flow", "new"))) == ["drop column (flow)"]


def test_a_table_that_the_same_upgrade_makes_may_be_changed_by_a_later_one() -> None:
    makes = script("op.create_table('new')", "b", "a")
    changes = script("op.drop_column('new', 'x')", "c", "b")
    assert judged(makes, changes) == []
    assert judged(changes) == ["drop column (new)"], "it was there before this upgrade"


def test_langflows_own_mark_counts() -> None:
    assert "CONTRACT" in judged(script("pass", phase="CONTRACT"))[0]
    assert judged(script("pass", phase="EXPAND, CONTRACT may follow")) == []


def test_a_script_without_upgrade_is_not_harmless() -> None:
    assert "no function upgrade()" in judged(HEAD.format(revision="b", parents="a", phase="EXPAND"))[0]  # fmt: skip


def test_what_is_no_script_or_cannot_be_read_is_told_by_name() -> None:
    assert parse("from x import y\n", "__init__.py") is None
    with pytest.raises(ValueError, match=r"x\.py"):
        parse("revision = make()\ndown_revision = None\n", "x.py")
    with pytest.raises(ValueError, match=r"x\.py: it has no down_revision"):
        parse("revision = 'a'\n", "x.py")


def known(**parents: tuple[str, ...]) -> dict[str, Migration]:
    return {name: Migration(name, of, name, frozenset(), ()) for name, of in parents.items()}


TREE = known(a=(), b=("a",), c=("a",), d=("b", "c"), e=("d",))


@pytest.mark.parametrize(
    ("at", "waiting"),
    [((), "abcde"), (("a",), "bcde"), (("b",), "cde"), (("b", "c"), "de"), (("e",), "")],
)
def test_parents_come_first(at: tuple[str, ...], waiting: str) -> None:
    assert [migration.revision for migration in pending(TREE, at)] == list(waiting)


def test_a_newer_database_is_not_taken_for_an_old_one() -> None:
    with pytest.raises(UnknownRevisionError, match="z"):
        pending(TREE, ("e", "z"))


def test_a_gap_in_the_history_is_no_history() -> None:
    with pytest.raises(ValueError, match="follows one that is not there"):
        pending(known(a=(), c=("b",)), ("a",))


def test_heads_of_a_release() -> None:
    assert heads(TREE) == ("e",)
    assert heads(known(a=(), b=("a",), c=("a",))) == ("b", "c")


@given(st.dictionaries(st.sampled_from("bcdefg"), st.sets(st.sampled_from("abcdef"))))
def test_whatever_the_history_nothing_waits_before_its_parents(drawn: dict[str, set[str]]) -> None:
    tree = known(
        a=(), **{n: tuple(sorted(p for p in parents if p < n and (p == "a" or p in drawn))) for n, parents in drawn.items()}
    )  # fmt: skip
    order = [migration.revision for migration in pending(tree, ())]
    assert sorted(order) == sorted(tree)
    for name in tree:
        assert all(order.index(parent) < order.index(name) for parent in tree[name].parents)


def bundle(path: Path, scripts: dict[str, str]) -> Path:
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as files:
        for name, text in scripts.items():
            files.writestr(f"langflow/alembic/versions/{name}", text)
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("wheels/langflow_base-9.9.9-py3-none-any.whl")
        member.size = len(wheel.getvalue())
        archive.addfile(member, io.BytesIO(wheel.getvalue()))
    artefacts.seal(path)
    return path


ROOT = script("pass", "a", None)
HARMLESS = {"__init__.py": "", "a.py": ROOT, "b.py": script("op.create_table('new')")}
HARMFUL = HARMLESS | {"c.py": script("op.drop_table(TABLE)", "c", "b")}


@pytest.mark.parametrize(
    ("scripts", "at", "code", "words"),
    [
        (HARMLESS, "a", 0, "1 migrations wait, 0 forbid"),
        (HARMFUL, "a", 3, "c (Change something): drop table (flow)"),
        (HARMFUL, "c", 0, "0 migrations wait"),
        (HARMFUL, "z", 1, "does not know the database's revision z"),
        ({}, "a", 1, "has no migrations"),
    ],
)
def test_the_command_judges_a_bundle(
    tmp_path: Path, scripts: dict[str, str], at: str, code: int, words: str
) -> None:
    path = bundle(tmp_path / "langflow.tar", scripts)
    result = CliRunner().invoke(app, ["migrations", at, "--bundle", str(path)])
    assert (result.exit_code, words in result.output) == (code, True), result.output


def test_an_altered_bundle_is_not_judged(tmp_path: Path) -> None:
    path = bundle(tmp_path / "langflow.tar", HARMLESS)
    with path.open("ab") as stream:
        stream.write(b"x")
    result = CliRunner().invoke(app, ["migrations", "a", "--bundle", str(path)])
    assert result.exit_code == 1 and "with the digest beside it" in result.output


def test_a_bundle_of_something_else_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "other.tar"
    with tarfile.open(path, "w"):
        pass
    with pytest.raises(ValueError, match="0 wheels of langflow-base"):
        release.migrations(path)


def test_the_graph_has_every_script() -> None:
    assert sorted(graph(HARMFUL)) == ["a", "b", "c"]
