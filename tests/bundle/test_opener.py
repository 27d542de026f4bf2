"""An archive that is not what was signed is refused before anything is written, and the message says what to do."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from langflow_ha.bundle import archive, opener
from langflow_ha.bundle.container import BuildError
from langflow_ha.bundle.opener import Machine, OpenError

HERE = Machine("x86_64", "cp313")
PLAN = archive.Plan(
    "langflow-ha-0.1.0-0123456789ab", ("debian13",), ("debian13",), ("cluster", "minio"), ()
)


def _key(path: Path) -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


@dataclass
class World:
    directory: Path
    key: Path
    file: Path
    tree: Path

    @property
    def public(self) -> Path:
        return self.key.with_name(f"{self.key.name}.pub")

    @property
    def into(self) -> Path:
        return self.directory / "site" / "kit"

    def open(self, machine: Machine = HERE, key: Path | None = None) -> dict[str, Any]:
        return opener.unpack(self.file, key or self.public, self.into, machine, lambda _: None)

    def refused(self, machine: Machine = HERE, key: Path | None = None) -> str:
        """Open it, see that nothing was written, and return what was said."""
        with pytest.raises(OpenError) as refused:
            self.open(machine, key)
        site = self.into.parent
        assert not site.exists() or list(site.iterdir()) == [], "something was written"
        return str(refused.value)

    def repack(self, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> None:
        """Write the archive again with other members."""
        with tarfile.open(self.file) as old:
            members = [(m, getattr(old.extractfile(m), "read", bytes)()) for m in old.getmembers()]
        change(members)
        with tarfile.open(self.file, "w") as new:
            for member, content in members:
                new.addfile(member, io.BytesIO(content))


@pytest.fixture
def world(tmp_path: Path) -> World:
    tree = tmp_path / "tree"
    (tree / "artefacts" / "wheels-cp313").mkdir(parents=True)
    (tree / "artefacts" / "minio").write_bytes(b"program")
    (tree / "artefacts" / "minio").chmod(0o755)
    (tree / "artefacts" / "wheels-cp313" / "alpha-1.0-py3-none-any.whl").write_bytes(b"wheel")
    (tree / "kit").mkdir()
    with tarfile.open(tree / "kit" / "kit.tar", "w") as kit:
        for name, mode in {"README.md": 0o644, "scripts/bootstrap": 0o755}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = 4, mode
            kit.addfile(member, io.BytesIO(b"text"))
        link = tarfile.TarInfo("molecule/vars")
        link.type, link.linkname = tarfile.SYMTYPE, "../README.md"
        kit.addfile(link)
    made = archive.manifest(
        PLAN, tree, {"artefacts/minio": {"version": "1"}}, datetime(2026, 11, 1, tzinfo=UTC)
    )
    key = _key(tmp_path / "key")
    file = tmp_path / "a.tar"
    archive.pack(tree, made, key, file)
    return World(tmp_path, key, file, tree)


def test_an_archive_becomes_a_directory(world: World) -> None:
    assert world.open()["kit"] == PLAN.kit
    artefacts = world.into / ".artefacts"
    assert (world.into / "README.md").read_text() == "text"
    assert (world.into / "molecule" / "vars").read_text() == "text"
    assert (world.into / "scripts" / "bootstrap").stat().st_mode & 0o111
    assert (artefacts / "minio").stat().st_mode & 0o111
    assert (artefacts / "minio.sha256").read_text().endswith("  minio\n")
    assert (artefacts / "wheels-cp313" / "alpha-1.0-py3-none-any.whl").read_bytes() == b"wheel"
    assert json.loads((artefacts / "archive.json").read_text())["components"] == [
        "cluster",
        "minio",
    ]
    assert not (world.into / ".kit").exists()
    with pytest.raises(OpenError, match="each archive gets a directory of its own"):
        world.open()


def test_the_same_tree_gives_the_same_order(world: World) -> None:
    with tarfile.open(world.file) as opened:
        names = opened.getnames()
        assert {member.mtime for member in opened} == {0}
    assert names[:2] == ["manifest.json", "manifest.json.sig"]
    assert names[2:] == sorted(names[2:]) and len(names) == 5


def test_an_altered_byte(world: World) -> None:
    content = bytearray(world.file.read_bytes())
    content[content.index(b"program")] ^= 1
    world.file.write_bytes(content)
    text = world.refused()
    assert "a.tar is refused, nothing was changed" in text
    assert "artefacts/minio: expected sha256 " in text and ", found " in text
    assert "carry the archive over again" in text
    assert text.count("\n") == 1, "only the file that was altered is named"


def test_a_shorter_file_and_a_missing_and_an_extra_one(world: World) -> None:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        names = [member.name for member, _ in members]
        minio = names.index("artefacts/minio")
        members[minio][0].size = 3
        members[minio] = (members[minio][0], b"pro")
        del members[names.index("artefacts/wheels-cp313/alpha-1.0-py3-none-any.whl")]
        member = tarfile.TarInfo("artefacts/other")
        members.append((member, b""))

    world.repack(change)
    text = world.refused()
    assert "artefacts/minio: expected 7 bytes, found 3" in text
    assert "alpha-1.0-py3-none-any.whl: expected 5 bytes, found no such file" in text
    assert "artefacts/other: expected no such file" in text


def test_a_manifest_that_was_altered(world: World) -> None:
    content = world.file.read_bytes().replace(b'"size": 7', b'"size": 8')
    world.file.write_bytes(content)
    text = world.refused()
    assert text.startswith("manifest.json: expected a signature for langflow-ha-bundle")
    assert "it was altered after it was signed" in text


def test_an_unknown_signer(world: World) -> None:
    other = _key(world.directory / "other")
    text = world.refused(key=other.with_name("other.pub"))
    fingerprints = [word for word in text.split() if word.startswith("SHA256:")]
    assert len(set(fingerprints)) == 2
    assert "ask who made the archive for the public key" in text
    both = world.directory / "both.pub"
    both.write_text(other.with_name("other.pub").read_text() + world.public.read_text())
    assert world.open(key=both)


def test_a_signature_for_something_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = archive.manifest(PLAN, world.tree, {}, datetime(2026, 11, 1, tzinfo=UTC))
    monkeypatch.setattr(opener, "NAMESPACE", "file")
    archive.pack(world.tree, made, world.key, world.file)
    monkeypatch.undo()
    assert "expected a signature for langflow-ha-bundle" in world.refused()


def test_another_machine(world: World) -> None:
    assert "it is for x86_64, this machine is aarch64" in world.refused(
        replace(HERE, architecture="aarch64")
    )
    text = world.refused(replace(HERE, python="cp311"))
    assert "a controller with Python cp313 (debian13), this one is cp311" in text
    assert "--controller-os" in text


@pytest.mark.parametrize("content", [b"", b"no archive", b"\0" * 10240])
def test_something_that_is_no_archive(world: World, content: bytes) -> None:
    world.file.write_bytes(content)
    assert "carry the archive over again" in world.refused()


def test_an_archive_that_ends_early(world: World) -> None:
    content = world.file.read_bytes()
    world.file.write_bytes(content[: content.index(b"program") + 3])
    assert "carry the archive over again" in world.refused()


def test_a_link_or_a_file_twice(world: World) -> None:
    def link(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        member = tarfile.TarInfo("artefacts/passwd")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        members.append((member, b""))

    world.repack(link)
    assert "found a link, a directory or a second one" in world.refused()


@pytest.mark.parametrize("path", ["/etc/passwd", "artefacts/../../x", "other/x", ""])
def test_a_path_that_leads_out(path: str) -> None:
    entry = {"path": path, "size": 1, "sha256": "0" * 64, "mode": "644"}
    with pytest.raises(OpenError, match="leads out of the archive"):
        opener.entries({"format": 1, "files": [entry]})


def test_a_later_format_is_not_guessed_at() -> None:
    with pytest.raises(OpenError, match="format 2 was found, 1 is expected"):
        opener.entries({"format": 2, "files": []})


def test_too_little_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(world.directory)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    assert "MB free, found 0 MB: make room" in world.refused()


def test_a_key_that_cannot_sign_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="make a key with `ssh-keygen"):
        archive.check_key(tmp_path / "none")
    (tmp_path / "bad").write_text("no key")
    with pytest.raises(BuildError, match="does not sign"):
        archive.check_key(tmp_path / "bad")
    (tmp_path / "bad").chmod(0o600)
    with pytest.raises(OpenError, match=r"expected public keys as in a \.pub file"):
        opener.public_keys(tmp_path / "bad")


def test_the_opener_runs_alone(world: World) -> None:
    """It is carried beside the archive: no package of the kit may be needed."""
    script = world.directory / "open-langflow-ha"
    script.write_bytes(Path(opener.__file__).read_bytes())
    command = [sys.executable, "-I", str(script), str(world.file), f"--key={world.public}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    # Whichever Python runs the tests: the archive is refused for it or accepted, both by a signature that was seen.
    assert "signed by SHA256:" in done.stdout, done.stderr
    done = subprocess.run(
        [*command[:-1], "--key=/nonexistent"], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 1 and done.stderr.startswith("error: --key /nonexistent:")
