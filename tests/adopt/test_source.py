"""Looking at and packing an old instance: real databases, and nothing of them is touched."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROLE = Path(__file__).parents[2] / "roles" / "adopt"
USER = "0f8fad5b-d9cb-469f-a165-70867728950e"


def load(path: Path) -> ModuleType:
    """Import a file of the role, which is no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


source = load(ROLE / "library" / "adopt_source.py")


class Instance:
    """A configuration directory with a database in WAL mode, as LangFlow leaves it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = directory / "langflow.db"
        (directory / USER).mkdir(parents=True)
        (directory / USER / "a.txt").write_bytes(b"of a user")
        (directory / "logs").mkdir()
        (directory / "logs" / "langflow.log").write_bytes(b"not a file of a user")
        (directory / "secret_key").write_bytes(b"stays here")
        with self.open() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE note (text)")
            connection.execute("INSERT INTO note VALUES ('first')")
            connection.commit()

    def open(self) -> source._connect:  # type: ignore[name-defined]
        return source._connect(self.database.as_uri())

    def state(self) -> dict[str, tuple[int, int]]:
        """Size and time of change of everything."""
        return {
            str(path): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(self.directory.rglob("*"))
        }


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(tmp_path / "old")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work" / "langflow.tar"


def notes(archive: Path, tmp_path: Path) -> list[str]:
    """Rows of the packed database."""
    with tarfile.open(archive) as tar:
        member = tar.extractfile("langflow.db")
        assert member is not None
        (tmp_path / "out.db").write_bytes(member.read())
    with source._connect((tmp_path / "out.db").as_uri()) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM note")]


def pack(instance: Instance, archive: Path, changed_since: float = 0) -> int:
    seen = source.look(instance.database, instance.directory, archive)
    assert source.refusals(seen, must_be_closed=False) == []
    return int(source.pack(seen, archive, changed_since))


def test_a_stopped_instance_is_packed_and_left_as_it_was(
    instance: Instance, archive: Path, tmp_path: Path
) -> None:
    before = instance.state()
    assert pack(instance, archive) == 1
    assert instance.state() == before
    assert notes(archive, tmp_path) == ["first"]
    with tarfile.open(archive) as tar:
        assert tar.getnames() == ["langflow.db", f"files/{USER}/a.txt"]
    assert archive.stat().st_mode & 0o777 == 0o600
    assert list(archive.parent.iterdir()) == [archive]


def test_what_only_the_log_holds_comes_along(
    instance: Instance, archive: Path, tmp_path: Path
) -> None:
    with instance.open() as connection:
        connection.execute("INSERT INTO note VALUES ('in the log')")
        connection.commit()
        assert instance.database.with_name("langflow.db-wal").stat().st_size > 0
        before = instance.state()
        pack(instance, archive)
        assert notes(archive, tmp_path) == ["first", "in the log"]
        assert instance.state() == before


def test_a_killed_instance_leaves_its_log_behind_and_that_is_read(
    instance: Instance, archive: Path, tmp_path: Path
) -> None:
    with instance.open() as connection:
        connection.execute("INSERT INTO note VALUES ('in the log')")
        connection.commit()
        saved = {path: path.read_bytes() for path in instance.directory.iterdir() if path.is_file()}
    for path, content in saved.items():
        if path.suffix != ".db-shm":
            path.write_bytes(content)
    before = instance.state()
    pack(instance, archive)
    assert notes(archive, tmp_path) == ["first", "in the log"]
    assert instance.state() == before


def test_a_process_that_has_it_open_is_seen_and_named(instance: Instance) -> None:
    with instance.open() as connection:
        connection.execute("SELECT * FROM note").fetchall()
        seen = source.look(instance.database, instance.directory, None)
    (refusal,) = source.refusals(seen, must_be_closed=True)
    assert f"({os.getpid()})" in refusal and "adopt_source_stop" in refusal
    assert source.refusals(seen, must_be_closed=False) == []


@pytest.fixture
def locked(instance: Instance) -> Iterator[None]:
    with instance.open() as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.usefixtures("locked")
def test_a_locked_database_is_refused(
    instance: Instance, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LOCK_TIMEOUT_S", 0.1)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        pack(instance, archive)


def overwritten(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)


def damaged(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(4096 + 8)
        stream.write(b"\xff" * 200)


@pytest.mark.parametrize("harm", [overwritten, damaged])
def test_a_damaged_database_is_refused(
    instance: Instance, archive: Path, harm: Callable[[Path], None]
) -> None:
    with instance.open() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    harm(instance.database)
    with pytest.raises(sqlite3.DatabaseError):
        pack(instance, archive)


def test_the_second_time_only_what_changed_is_packed(
    instance: Instance, archive: Path, tmp_path: Path
) -> None:
    first = time.time() + 1
    for path in (instance.directory / USER).iterdir():
        os.utime(path, (first - 100, first - 100))
    later = instance.directory / USER / "later.txt"
    later.write_bytes(b"new")
    os.utime(later, (first + 1, first + 1))
    assert pack(instance, archive, first) == 1
    with tarfile.open(archive) as tar:
        assert tar.getnames() == ["langflow.db", f"files/{USER}/later.txt"]


def test_a_link_out_of_the_directory_is_not_followed(instance: Instance, archive: Path) -> None:
    (instance.directory / USER / "link").symlink_to("/etc/passwd")
    assert pack(instance, archive) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"database_bytes": None}, "site-packages"),
        ({"database_bytes": None, "elsewhere": ("/old/x/langflow.db",)}, "is it that one?"),
        ({"directory_exists": False}, "adopt_source_directory: /old is no directory"),
        ({"free_bytes": 1 << 20}, "84 MiB are needed for the copy, 1 MiB"),
    ],
)
def test_refusals_name_the_variable_and_the_mend(changes: dict[str, object], words: str) -> None:
    good = {
        "database": "/old/langflow.db",
        "directory": "/old",
        "database_bytes": 10 << 20,
        "directory_exists": True,
        "free_bytes": 1 << 30,
    }
    assert source.refusals(source.Seen(**good), must_be_closed=True) == []
    (refusal,) = source.refusals(source.Seen(**{**good, **changes}), must_be_closed=True)
    assert words in refusal


def test_a_database_of_another_name_below_the_directory_is_pointed_out(instance: Instance) -> None:
    seen = source.look(instance.directory / "nowhere.db", instance.directory, None)
    assert seen.elsewhere == (str(instance.database),)
