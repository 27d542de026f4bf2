from __future__ import annotations

import pytest
from langflow_ha.keeper import decide
from langflow_ha.keeper.model import Backup, Inventory, KeeperError, Kind
from langflow_ha.keeper.repository import Target

HOUR = 3600.0


def backup(label: str, at: float, kind: Kind = Kind.DATABASE, **more: object) -> Backup:
    values = {"size": 100, "stored": 10, "type": "full", "database": "17"} | more
    return Backup(kind=kind, label=label, at=at, **values)  # type: ignore[arg-type]


def wal(timeline: int, *numbers: int) -> list[str]:
    return [f"{timeline:08X}00000000{number:08X}" for number in numbers]


@pytest.mark.parametrize(
    ("names", "start", "missing"),
    [
        (wal(1, 2, 3, 4), wal(1, 2), []),
        (wal(1, 2, 4, 5), wal(1, 2), wal(1, 3)),
        (wal(1, 2, 6), wal(1, 2), [f"{wal(1, 3)[0]}..{wal(1, 5)[0]}"]),
        # The very first one that the backup needs.
        (wal(1, 3, 4), wal(1, 2), wal(1, 2)),
        ([], wal(1, 2), wal(1, 2)),
        # Older ones were expired with their backup.
        (wal(1, 1, 5, 6), wal(1, 5), []),
        # A new timeline begins in the segment in which the old one ended, or after it.
        (wal(1, 2, 3) + wal(2, 3, 4), wal(1, 2), []),
        (wal(1, 2, 3) + wal(2, 4, 5), wal(1, 2), []),
        (wal(1, 2, 3) + wal(2, 5, 6), wal(1, 2), wal(1, 4)),
        # A restore to an earlier point: the new timeline begins before the end of the old one.
        (wal(1, 2, 3, 4, 5) + wal(2, 3, 4), wal(1, 2), []),
    ],
)
def test_gaps(names: list[str], start: list[str], missing: list[str]) -> None:
    assert decide.gaps(names, start[0]) == missing


def test_a_log_file_ends_at_segment_ff() -> None:
    names = ["0000000100000000000000FF", "000000010000000100000000"]
    assert decide.gaps(names, names[0]) == []
    assert decide.gaps([names[0], "000000010000000100000001"], names[0]) == [names[1]]


def test_states_and_complaints() -> None:
    at = 1000 * HOUR
    found = (
        backup("old", at - 40 * HOUR),
        backup("new", at - 31 * HOUR),
        backup("f", at - 2 * HOUR, Kind.FLOWS),
    )
    limits = {Kind.DATABASE: 30.0, Kind.FLOWS: 3.0, Kind.FILES: 30.0}
    states = decide.states(Inventory(at, found), limits)
    assert [(s.kind, s.newest and s.newest.label, s.count, s.young) for s in states] == [
        (Kind.DATABASE, "new", 2, False),
        (Kind.FLOWS, "f", 1, True),
        (Kind.FILES, None, 0, False),
    ]
    assert decide.complaints(states, at) == [
        "the newest backup of the database is 31 hours old, 30 are allowed",
        "there is no backup of the files",
    ]


def test_exactly_at_the_limit_is_young() -> None:
    (state,) = decide.states(Inventory(30 * HOUR, (backup("b", 0.0),)), {Kind.DATABASE: 30.0})
    assert state.young


def test_the_newest_backup_before_the_target_is_chosen() -> None:
    found = [backup("a", 100), backup("b", 200), backup("f", 150, Kind.FILES)]
    assert decide.chosen(found, Target(), None, "").label == "b"
    assert decide.chosen(found, Target("time", "…"), 199, "").label == "a"
    assert decide.chosen(found, Target("xid", "7"), None, "a").label == "a"


@pytest.mark.parametrize(
    ("target", "at", "label", "message"),
    [
        (Target("time", "then"), 99.0, "", "the oldest backup is younger"),
        (Target(), None, "z", "there is no backup z; there are a, b"),
    ],
)
def test_no_fitting_backup(target: Target, at: float | None, label: str, message: str) -> None:
    with pytest.raises(KeeperError, match=message):
        decide.chosen([backup("a", 100), backup("b", 200)], target, at, label)


def test_no_backup_at_all() -> None:
    with pytest.raises(KeeperError, match="no backup of the database"):
        decide.chosen([backup("f", 1, Kind.FILES)], Target(), None, "")


@pytest.mark.parametrize(
    ("database", "made_by", "words"),
    [
        ("17", "1.13.0", []),
        ("17", "1.12.4", []),
        ("17", "", []),
        ("17", "1.13.1", ["LangFlow 1.13.1, here is 1.13.0"]),
        ("17", "1.14.0rc1", ["LangFlow 1.14.0rc1"]),
        ("18", "1.13.0", ["PostgreSQL 18, here is 17"]),
        ("16", "2.0.0", ["PostgreSQL 16", "LangFlow 2.0.0"]),
    ],
)
def test_a_newer_version_is_refused(database: str, made_by: str, words: list[str]) -> None:
    found = decide.misfits(
        backup("a", 1, database=database, notes={"langflow-version": made_by}), "17", "1.13.0"
    )
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))


def test_a_restore_needs_room() -> None:
    assert decide.lacking(1000, 1100, "/d") == []
    (line,) = decide.lacking(100 * 2**20, 109 * 2**20, "/d")
    assert "109 MiB free, the restore needs 110 MiB" in line
