"""The proof of a shared directory: each way in which one is unfit is refused with its mend."""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / "roles/nfs_mount/files/prove_share.py"


def load() -> ModuleType:
    """Import the node-side script from the role's files."""
    spec = importlib.util.spec_from_file_location("prove_share", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["prove_share"] = module
    spec.loader.exec_module(module)
    return module


proof = load()
ME = os.getuid()


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that passes for mounted, and belongs to whoever runs the tests."""
    directory = tmp_path / "share"
    directory.mkdir(mode=0o700)
    os.chown(directory, ME, ME)
    monkeypatch.setattr(proof.os.path, "ismount", lambda place: Path(place) == directory)
    monkeypatch.setattr(proof, "become", lambda _owner: None)
    return directory


def refusal(share: Path, owner: int = ME) -> str:
    with pytest.raises(proof.UnfitError) as error:
        proof.prove(share, owner, check=False)
    return str(error.value)


def test_it_is_prepared_once(share: Path) -> None:
    first = proof.prove(share, ME, check=False)
    assert first["changed"]
    assert {path.name for path in share.iterdir()} == {"files", "health", ".langflow-ha-share"}
    assert stat.S_IMODE((share / "files").stat().st_mode) == 0o700
    assert stat.S_IMODE((share / "health").stat().st_mode) == 0o777
    assert stat.S_IMODE(share.stat().st_mode) & 0o077 == 0o011
    assert proof.prove(share, ME, check=False) == {**first, "changed": False}


def test_check_mode_says_so_and_makes_nothing(share: Path) -> None:
    assert proof.prove(share, ME, check=True) == {"changed": True, "identity": ""}
    assert list(share.iterdir()) == []
    made = proof.prove(share, ME, check=False)
    assert proof.prove(share, ME, check=True) == {**made, "changed": False}


def test_all_nodes_agree_on_the_identity(share: Path) -> None:
    found: list[str] = []
    nodes = [
        threading.Thread(target=lambda: found.append(proof.identity(share, check=False)[1]))
        for _ in range(8)
    ]
    for node in nodes:
        node.start()
    for node in nodes:
        node.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in share.iterdir()] == [".langflow-ha-share"]


def test_a_directory_of_the_root_disk_is_refused(
    share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof.os.path, "ismount", lambda place: Path(place) == Path("/"))
    assert f"nothing is mounted at {share} or above it" in refusal(share)


def test_a_mount_above_counts(share: Path) -> None:
    below = share / "langflow"
    below.mkdir()
    proof.prove(below, ME, check=False)


def test_the_wrong_owner_is_refused(share: Path) -> None:
    text = refusal(share, owner=ME + 1)
    assert f"belongs to {ME}:{ME}, not {ME + 1}:{ME + 1}: on the server, run chown" in text


def test_a_file_in_the_way_is_refused(share: Path) -> None:
    (share / "files").write_text("")
    assert "files: File exists" in refusal(share)


def test_a_server_that_takes_no_writes_is_refused(
    share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, _data: bytes) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(proof, "write_durably", refuse)
    assert "Read-only file system, as user" in refusal(share)
    assert list(share.iterdir()) == []


def test_altered_data_is_refused(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "write_durably", lambda path, data: path.write_bytes(data[:-1]))
    assert "was read back altered" in refusal(share)
    assert list(share.iterdir()) == []
