#!/usr/bin/python
"""Ansible module: look at a LangFlow that keeps its state in SQLite, and pack a copy of it.

Writes nothing beside the instance's own files: a database that a process has open is read through
that process's shared memory, one that nobody has open is copied first and only the copy is opened
(SQLite leaves files behind when it opens a database in WAL mode, even for reading).
Standard library only; runs with the Python of the old host.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: adopt_source
short_description: Look at a LangFlow with SQLite and pack a copy of its database and files
options:
  database:
    description: The SQLite database.
    type: path
    required: true
  directory:
    description: The configuration directory, below which the files are.
    type: path
    required: true
  archive:
    description:
      - Tar file to write, with C(langflow.db) and C(files/). It gets the owner of its directory and mode 0600.
      - Empty only looks.
    type: path
    default: ""
  changed_since:
    description: Pack only files that changed after this time (seconds since the epoch). The database is always packed.
    type: float
    default: 0
  must_be_closed:
    description: Whether a process that has the database open is a reason to refuse.
    type: bool
    default: false
author:
  - LangFlow HA kit
"""

EXAMPLES = r"""
- name: Pack
  adopt_source:
    database: /var/lib/langflow/langflow.db
    directory: /var/lib/langflow
    archive: /var/tmp/adopt/langflow.tar
"""

RETURN = r"""
source:
  description: What was seen.
  returned: always
  type: dict
"""

BESIDE = ("-wal", "-journal")
"""Files beside a database that hold part of it; the -shm file is only a cache."""
LOCK_TIMEOUT_S = 10.0
RESERVE = 64 << 20
"""Bytes that stay free on the file system of the archive."""


@dataclass(frozen=True)
class Seen:
    """What was found. Sizes are bytes, `looked` is seconds since the epoch by the host's own clock."""

    database: str
    directory: str
    database_bytes: int | None
    directory_exists: bool
    files: int = 0
    files_bytes: int = 0
    open_by: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """Databases of this name below the directory, when the one that was named is not there."""
    free_bytes: int | None = None
    looked: float = field(default_factory=time.time)


def refusals(seen: Seen, *, must_be_closed: bool) -> list[str]:
    """Return why the instance cannot be packed. Pure."""
    found = []
    if seen.database_bytes is None:
        hint = (
            f"; there is {', '.join(seen.elsewhere)}: is it that one?"
            if seen.elsewhere
            else "; LangFlow's default is site-packages/langflow/langflow.db in its Python environment,"
            " unless LANGFLOW_DATABASE_URL or LANGFLOW_SAVE_DB_IN_CONFIG_DIR says otherwise"
        )
        found.append(f"adopt_source_database: {seen.database} is no file{hint}.")
    if not seen.directory_exists:
        found.append(
            f"adopt_source_directory: {seen.directory} is no directory; it is LANGFLOW_CONFIG_DIR of the old"
            " instance, of a container the directory of its volume on this host."
        )
    if must_be_closed and seen.open_by:
        found.append(
            f"adopt_source_database: {seen.database} is still open in {', '.join(seen.open_by)}, and what users"
            " write from now on would be left behind. Stop the old instance, or say how in adopt_source_stop."
        )
    needed = 2 * (seen.database_bytes or 0) + seen.files_bytes + RESERVE
    if seen.free_bytes is not None and seen.free_bytes < needed:
        found.append(
            f"adopt_source_work_directory: {needed >> 20} MiB are needed for the copy, {seen.free_bytes >> 20} MiB"
            " are free there. Name a directory on another file system."
        )
    return found


def holders(database: Path) -> tuple[str, ...]:
    """Return "name (pid)" of every process that has the database open, containers' included."""
    wanted = database.stat()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            opened = [descriptor.stat() for descriptor in _descriptors(process)]
            if any((o.st_dev, o.st_ino) == (wanted.st_dev, wanted.st_ino) for o in opened):
                name = (process / "comm").read_text("utf-8").strip()
                found.append(f"{name} ({process.name})")
        except OSError:
            # The process ended meanwhile.
            continue
    return tuple(sorted(found))


def _descriptors(process: Path) -> Iterator[Path]:
    for descriptor in (process / "fd").iterdir():
        if descriptor.exists():
            yield descriptor


def namespaces(directory: Path) -> list[Path]:
    """Return the directories with files: LangFlow names them by the id of a user or a flow."""
    return sorted(path for path in directory.iterdir() if path.is_dir() and _is_id(path.name))


def _is_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def stored_files(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield every regular file of the namespaces; one that goes meanwhile is left out."""
    for namespace in namespaces(directory):
        for place, _, names in os.walk(namespace):
            for name in sorted(names):
                path = Path(place, name)
                try:
                    found = path.lstat()
                except FileNotFoundError:
                    continue
                if path.is_file() and not path.is_symlink():
                    yield path, found


def look(database: Path, directory: Path, archive: Path | None) -> Seen:
    """Observe the instance; opens nothing."""
    exists = directory.is_dir()
    sizes = [found.st_size for _, found in stored_files(directory)] if exists else []
    there = database.is_file()
    room = shutil.disk_usage(archive.parent).free if archive else None
    return Seen(
        database=str(database),
        directory=str(directory),
        database_bytes=database.stat().st_size if there else None,
        directory_exists=exists,
        files=len(sizes),
        files_bytes=sum(sizes),
        open_by=holders(database) if there else (),
        elsewhere=tuple(str(path) for path in directory.rglob("langflow*.db"))
        if exists and not there
        else (),
        free_bytes=room,
    )


def copy_database(database: Path, copy: Path, *, is_open: bool) -> None:
    """Copy the database with SQLite's backup API into one file, and check the copy.

    Raises sqlite3.Error when it is locked or damaged.
    """
    source = database
    if not is_open:
        source = copy.with_name("closed.db")
        for suffix in ("", *BESIDE):
            beside = database.with_name(database.name + suffix)
            if beside.is_file():
                shutil.copyfile(beside, source.with_name(source.name + suffix))
    mode = "ro" if is_open else "rw"
    with _connect(f"{source.as_uri()}?mode={mode}") as reader, _connect(copy.as_uri()) as writer:
        # The backup itself would wait for a lock without end; with a read begun it meets none.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reader.backup(writer)
        # One file, whatever the journal of the original was.
        writer.execute("PRAGMA journal_mode=DELETE")
        answers = [str(row[0]) for row in writer.execute("PRAGMA integrity_check(5)")]
    if answers != ["ok"]:
        raise sqlite3.DatabaseError("; ".join(answers))


class _connect:  # noqa: N801 - a context manager that reads like the function it wraps
    """A connection that is closed at the end (sqlite3's own only ends the transaction)."""

    def __init__(self, uri: str) -> None:
        self._connection = sqlite3.connect(uri, uri=True, timeout=LOCK_TIMEOUT_S)

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def pack(seen: Seen, archive: Path, changed_since: float) -> int:
    """Write the archive; returns the number of files in it, the database not counted."""
    owner = archive.parent.stat()
    packed = 0
    with tempfile.TemporaryDirectory(dir=archive.parent) as place:
        copy = Path(place, "copy.db")
        copy_database(Path(seen.database), copy, is_open=bool(seen.open_by))
        descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
        with (
            os.fdopen(descriptor, "wb") as stream,
            tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            tar.add(copy, "langflow.db", filter=_anonymous)
            for path, found in stored_files(Path(seen.directory)):
                if max(found.st_ctime, found.st_mtime) >= changed_since:
                    name = Path("files") / path.relative_to(seen.directory)
                    tar.add(path, str(name), filter=_anonymous)
                    packed += 1
    return packed


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave owner and mode of the old host behind; who unpacks decides."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def main() -> None:
    """Look, refuse or pack. Nothing of the instance is changed, so check mode does the same."""
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "path", "required": True},
            "directory": {"type": "path", "required": True},
            "archive": {"type": "path", "default": ""},
            "changed_since": {"type": "float", "default": 0},
            "must_be_closed": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    options: dict[str, Any] = module.params
    database, directory = Path(options["database"]), Path(options["directory"])
    archive = Path(options["archive"]) if options["archive"] else None
    seen = look(database, directory, archive)
    found = refusals(seen, must_be_closed=options["must_be_closed"])
    if found:
        module.fail_json(msg=" ".join(found), source=asdict(seen))
    packed = 0
    if archive:
        try:
            packed = pack(seen, archive, options["changed_since"])
        except sqlite3.Error as error:
            module.fail_json(
                msg=(
                    f"adopt_source_database: {database} cannot be copied: {error}. Locked: another program is in the"
                    " middle of a change, wait or stop it. Damaged, or no database: mend it first, for example with"
                    " `sqlite3 OLD .recover | sqlite3 NEW`, or take the last good backup."
                ),
                source=asdict(seen),
            )
    module.exit_json(changed=archive is not None, source=asdict(seen), packed=packed)


if __name__ == "__main__":
    main()
