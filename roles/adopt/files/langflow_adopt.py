#!/usr/bin/env python3
"""Judge the copy of a single-node LangFlow against the cluster that shall take it over.

Runs in LangFlow's virtual environment with the service's settings (langflow-admin). It writes to the
copy alone: an older schema is migrated there, with LangFlow's own migrations.

    langflow_adopt.py judge    --copy DIR --database NEW --aside OLD --mark COMMENT [--replace]
    langflow_adopt.py settings --copy DIR --database NEW

`judge` prints one JSON object: refusals, warnings, a summary. `settings` writes two environment files
into DIR: source.env makes LangFlow's commands see the copy, target.env the new database.
Exit codes: 0 done (with `judge`, also when it refuses), 1 failed.
"""

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

DEFAULT_SUPERUSER = "langflow"
"""LangFlow's own name for it (lfx/services/settings/constants.py); a start claims one that never signed in."""
COUNTED = ("flow", "file", "variable", "apikey", "message")
"""Tables whose rows the summary counts."""


@dataclass(frozen=True)
class User:
    """A row of the table `user`, as far as the judgement needs it."""

    name: str
    superuser: bool = False
    signed_in: bool = True
    password_fits: bool = False
    """Whether the site's superuser password opens this account."""


@dataclass(frozen=True)
class Copy:
    """The copy of the old instance. `revision` is "" for a database without LangFlow's schema."""

    revision: str
    users: tuple[User, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    knowledge_bases: int = 0


@dataclass(frozen=True)
class Cluster:
    """The cluster's LangFlow. `databases` has the comment of each database of the server."""

    users: tuple[str, ...]
    flows: int
    databases: Mapping[str, str]
    superuser: str
    storage: str
    known: frozenset[str]
    """Schema revisions that its version knows."""


@dataclass(frozen=True)
class Wanted:
    """What the operator asked for: names of databases, and whether users of the cluster may be replaced."""

    database: str
    aside: str
    mark: str
    """Comment of a database that an unfinished adoption made, so that the next one may drop it."""
    replace: bool = False


def schema_refusal(revision: str, known: frozenset[str]) -> str:
    """Return why the schema cannot be taken over, "" when it can (an older one is migrated). Pure."""
    if not revision:
        return (
            "the old database has no schema of LangFlow's; is adopt_source_database the right file?"
        )
    unknown = [part for part in revision.split(",") if part not in known]
    if unknown:
        return (
            f"the old database has the schema {', '.join(unknown)}, which this cluster's LangFlow does not know: the old"
            " instance is newer. Upgrade the cluster first (langflow_version); a schema cannot be taken backwards."
        )
    return ""


def judge(copy: Copy, cluster: Cluster, wanted: Wanted) -> tuple[list[str], list[str]]:
    """Return (refusals, warnings), each a whole sentence that says how to mend it. Pure."""
    refusals = _cluster_refusals(cluster, wanted)
    warnings = []
    if refusal := schema_refusal(copy.revision, cluster.known):
        return [*refusals, refusal], []
    if not copy.users:
        refusals.append(
            "the old database has no users; is adopt_source_database the right file, and was it started once?"
        )
    if copy.knowledge_bases:
        refusals.append(
            f"the old instance has {copy.knowledge_bases} knowledge bases, and their vectors cannot be taken over yet:"
            " delete them there and make them again in the cluster."
        )
    namesake = next((u for u in copy.users if u.name.lower() == cluster.superuser.lower()), None)
    claimed = cluster.superuser == DEFAULT_SUPERUSER
    if namesake and not namesake.superuser:
        refusals.append(
            f"the old instance has a user {namesake.name} who is no superuser, and LangFlow does not start when"
            " langflow_superuser is such a user: choose another name for langflow_superuser."
        )
    elif namesake and not namesake.password_fits and (namesake.signed_in or not claimed):
        refusals.append(
            f"the old instance has a superuser {namesake.name} whose password is not this site's"
            " secret_langflow_superuser_password. Take it over (`langflow-ha secrets set superuser --from-file FILE`),"
            " or choose another name for langflow_superuser."
        )
    default = next((u for u in copy.users if u.name == DEFAULT_SUPERUSER and u.superuser), None)
    if default and not default.signed_in and not claimed:
        warnings.append(
            f"the old instance's user {DEFAULT_SUPERUSER} (the one of AUTO_LOGIN) never signed in: the cluster will"
            " deactivate it, and its API keys with it; its flows stay. To go on with it, set langflow_superuser: langflow."
        )
    return refusals, warnings


def _cluster_refusals(cluster: Cluster, wanted: Wanted) -> list[str]:
    refusals = []
    if cluster.storage != "s3":
        refusals.append(
            f"storage_backend: files can be taken over into an object store only, this site uses {cluster.storage}."
        )
    others = [name for name in cluster.users if name.lower() != cluster.superuser.lower()]
    if others and not wanted.replace:
        shown = ", ".join(sorted(others)[:5]) + (" …" if len(others) > 5 else "")
        refusals.append(
            f"the cluster is in use: it has {len(others)} users besides {cluster.superuser} ({shown}) and"
            f" {cluster.flows} flows. Two instances cannot be merged. To replace what it has (it is kept aside in the"
            f" database {wanted.aside}), run again with adopt_replace=true."
        )
    if wanted.aside in cluster.databases:
        refusals.append(
            f"there is a database {wanted.aside} already, from an earlier adoption, and nothing is overwritten: rename"
            " or drop it on the primary, or name another with adopt_aside_database."
        )
    if cluster.databases.get(wanted.database, wanted.mark) != wanted.mark:
        refusals.append(
            f"there is a database {wanted.database} that no unfinished adoption made: rename or drop it on the primary,"
            " or name another with adopt_database."
        )
    return refusals


def summary(copy: Copy, cluster: Cluster) -> str:
    """One line about what would be taken over and what is there. Pure."""
    rows = ", ".join(f"{count} {table}s" for table, count in copy.rows.items())
    return (
        f"old instance: {len(copy.users)} users, {rows}; cluster: {len(cluster.users)} users,"
        f" {cluster.flows} flows"
    )


def read_revision(database: Path) -> str:
    """Return the revisions of a copy, joined by commas; "" without LangFlow's schema."""
    connection = sqlite3.connect(database)
    try:
        if not _tables(connection) >= {"alembic_version"}:
            return ""
        rows = connection.execute("SELECT version_num FROM alembic_version ORDER BY 1")
        return ",".join(str(row[0]) for row in rows)
    finally:
        connection.close()


def password_check(password: str) -> Callable[[str], bool]:
    """Return a function that tells whether a stored hash belongs to the password."""
    import bcrypt  # type: ignore[import-not-found,unused-ignore]

    def fits(hashed: str) -> bool:
        try:
            # The first 72 bytes, as LangFlow does (lfx/services/settings/password_hashing.py).
            return bool(bcrypt.checkpw(password.encode()[:72], hashed.encode()))
        except ValueError:
            return False

    return fits


def read_copy(database: Path, superuser: str, fits: Callable[[str], bool]) -> Copy:
    """Read a copy whose schema is this LangFlow's; only the superuser's hash is put to the test."""
    connection = sqlite3.connect(database)
    try:
        users = tuple(
            User(
                name,
                bool(is_superuser),
                last is not None,
                name.lower() == superuser.lower() and fits(hashed or ""),
            )
            for name, hashed, is_superuser, last in connection.execute(
                'SELECT username, password, is_superuser, last_login_at FROM "user"'
            )
        )
        tables = _tables(connection)
        rows = {name: _count(connection, name) for name in COUNTED if name in tables}
        bases = _count(connection, "knowledge_base") if "knowledge_base" in tables else 0
    finally:
        connection.close()
    return Copy(read_revision(database), users, rows, bases)


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {str(row[0]) for row in rows}


def _count(connection: sqlite3.Connection, table: str) -> int:
    # The names are this file's own, never a user's.
    (count,) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()  # noqa: S608
    return int(count)


def read_cluster(environment: Mapping[str, str], known: frozenset[str]) -> Cluster:
    """Read the cluster's own database. Raises psycopg2.Error when it does not answer."""
    import psycopg2  # type: ignore[import-untyped,unused-ignore]

    connection = psycopg2.connect(environment["LANGFLOW_DATABASE_URL"])
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute('SELECT username FROM "user"')
            users = tuple(str(row[0]) for row in cursor.fetchall())
            cursor.execute("SELECT count(*) FROM flow WHERE user_id IS NOT NULL")
            (flows,) = cursor.fetchone()
            cursor.execute(
                "SELECT datname, coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database"
            )
            databases = {str(name): str(comment) for name, comment in cursor.fetchall()}
    finally:
        connection.close()
    return Cluster(
        users=users,
        flows=int(flows),
        databases=databases,
        superuser=environment["LANGFLOW_SUPERUSER"],
        storage=environment["LANGFLOW_STORAGE_TYPE"],
        known=known,
    )


def known_revisions() -> tuple[frozenset[str], str]:
    """Return the revisions that this LangFlow knows, and its own head."""
    from langflow.cli.integrity import script_directory  # type: ignore[import-not-found]

    scripts = script_directory()
    known = frozenset(script.revision for script in scripts.walk_revisions())
    return known, str(scripts.get_current_head())


def migrate(database: Path) -> None:
    """Bring the copy's schema to this LangFlow's, with LangFlow's own migrations."""
    from langflow.services.database.sqlite_to_postgres import (  # type: ignore[import-not-found]
        upgrade_to_head,
    )

    upgrade_to_head(f"sqlite:///{database}")


def with_database(url: str, name: str) -> str:
    """Return the connection URL with another database in it."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def settings(
    environment: Mapping[str, str], copy: Path, database: str
) -> dict[str, dict[str, str]]:
    """Return the two environment files, by name. Pure."""
    target = with_database(environment["LANGFLOW_DATABASE_URL"], database)
    source = f"sqlite:///{copy}/langflow.db"
    return {
        "source.env": {
            "LANGFLOW_DATABASE_URL": source,
            "LANGFLOW_STORAGE_TYPE": "local",
            "LANGFLOW_CONFIG_DIR": f"{copy}/files",
            "LANGFLOW_MIGRATION_SOURCE_URL": source,
            "LANGFLOW_MIGRATION_TARGET_URL": target,
            "LANGFLOW_TARGET_SECRET_KEY_FILE": f"{copy}/secret_key",
        },
        "target.env": {"LANGFLOW_DATABASE_URL": target},
    }


def write_settings(files: Mapping[str, Mapping[str, str]], directory: Path) -> None:
    """Write environment files as systemd.exec(5) reads them, for this user alone."""
    for name, values in files.items():
        lines = [f'{key}="{_escaped(value)}"\n' for key, value in values.items()]
        descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.writelines(lines)


def _escaped(value: str) -> str:
    return "".join(f"\\{character}" if character in '\\"`$' else character for character in value)


def run_judge(copy: Path, wanted: Wanted) -> dict[str, Any]:
    """Gather, migrate the copy where that is needed, and judge."""
    database = copy / "langflow.db"
    environment = os.environ
    known, head = known_revisions()
    cluster = read_cluster(environment, known)
    found = revision = read_revision(database)
    seen = Copy(revision)
    if not schema_refusal(revision, known):
        if revision != head:
            migrate(database)
        fits = password_check(environment["LANGFLOW_SUPERUSER_PASSWORD"])
        seen = read_copy(database, cluster.superuser, fits)
    refusals, warnings = judge(seen, cluster, wanted)
    return {
        "refusals": refusals,
        "warnings": warnings,
        "summary": summary(seen, cluster),
        "migrated_from": found if seen.revision != found else "",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and do the one thing that was asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=["judge", "settings"])
    parser.add_argument("--copy", type=Path, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--aside", default="")
    parser.add_argument("--mark", default="")
    parser.add_argument("--replace", action="store_true")
    options = parser.parse_args(arguments)
    if options.command == "settings":
        write_settings(settings(os.environ, options.copy, options.database), options.copy)
        return 0
    wanted = Wanted(options.database, options.aside, options.mark, options.replace)
    print(json.dumps(run_judge(options.copy, wanted)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
