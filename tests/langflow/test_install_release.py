"""What the installer refuses before it touches a node."""

from __future__ import annotations

import importlib.util
import json
import sys
import tarfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "roles/langflow/files/langflow_install_release.py"
spec = importlib.util.spec_from_file_location("langflow_install_release", SCRIPT)
assert spec
assert spec.loader
installer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(installer)
TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"


def bundle(tmp_path: Path, **change: object) -> Path:
    """A bundle with one file; ``change`` overrides keys of its manifest."""
    directory = tmp_path / "b"
    directory.mkdir()
    (directory / "uv").write_text("#!/bin/sh\nexit 3\n")
    manifest = {
        "python_tag": TAG,
        "lock_sha256": "l",
        "files": {"uv": installer.sha256(directory / "uv")},
        **change,
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    path = tmp_path / "bundle.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(directory, arcname=".")
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"python_tag": "cp27"}, "for cp27"),
        ({"lock_sha256": "other"}, "build the bundle again"),
        ({"files": {"uv": "0" * 64}}, "uv does not have the digest"),
        ({"files": {}}, "differ from the manifest: uv"),
        ({}, "failed"),  # this uv fails: the release must stay unmarked
    ],
)
def test_refusals(tmp_path: Path, change: dict[str, object], words: str) -> None:
    path = bundle(tmp_path, **change)
    release = tmp_path / "release"
    with pytest.raises(installer.BundleError, match=words):
        installer.install(path, release, bundle_sha256=installer.sha256(path), lock_sha256="l")
    assert not (release / ".complete").exists()


def test_a_wrong_digest_touches_nothing(tmp_path: Path) -> None:
    release = tmp_path / "release"
    with pytest.raises(installer.BundleError, match="digest"):
        installer.install(bundle(tmp_path), release, bundle_sha256="0", lock_sha256="l")
    assert not release.exists()


@pytest.mark.parametrize("name", ["../outside", "/outside"])
def test_nothing_leaves_the_directory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bundle.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    with tarfile.open(path) as tar, pytest.raises(installer.BundleError, match="plain file"):
        installer.unpack(tar, tmp_path / "release")
    assert not (tmp_path / "outside").exists()


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = tarfile.TarInfo("uv")
    link.type, link.linkname = tarfile.SYMTYPE, "/bin/sh"
    path = tmp_path / "bundle.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(link)
    with tarfile.open(path) as tar, pytest.raises(installer.BundleError, match="plain file"):
        installer.unpack(tar, tmp_path / "release")
