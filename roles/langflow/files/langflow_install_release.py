#!/usr/bin/env python3
"""Install one release of LangFlow from a bundle, offline, checked by digest.

The bundle is a tar file with ``wheels/``, ``requirements.txt`` (hashes of those wheels), ``uv``
and ``manifest.json``::

    {"langflow_version": "…", "python_tag": "cp313", "lock_sha256": "…", "files": {path: sha256}}

The marker ``.complete`` is written last: a release without it is removed and made again.
Exit codes: 0 installed, 1 refused or failed (with the reason).
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any


class BundleError(Exception):
    """The bundle is not what was asked for."""


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_manifest(manifest: dict[str, Any], *, lock_sha256: str, python_tag: str) -> None:
    """Raise BundleError unless the bundle was made from this lock for this interpreter."""
    if manifest.get("python_tag") != python_tag:
        raise BundleError(
            f"the bundle is for {manifest.get('python_tag')}, this node's Python is {python_tag}"
        )
    if manifest.get("lock_sha256") != lock_sha256:
        raise BundleError(
            f"the bundle was made from the lock {manifest.get('lock_sha256')}, the role has {lock_sha256}: "
            "build the bundle again"
        )


def check_files(directory: Path, digests: dict[str, str]) -> None:
    """Raise BundleError unless the directory holds exactly these files with these digests."""
    there = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    there.discard("manifest.json")
    if there != set(digests):
        raise BundleError(
            f"files differ from the manifest: {', '.join(sorted(there ^ set(digests)))}"
        )
    for name, digest in digests.items():
        if sha256(directory / name) != digest:
            raise BundleError(f"{name} does not have the digest that the manifest names")


def unpack(tar: tarfile.TarFile, directory: Path) -> None:
    """Extract plain files and directories only; raise BundleError for anything else.

    Written out because Debian 12's Python 3.11.2 has no extraction filters yet.
    """
    for member in tar:
        name = Path(member.name)
        if member.isdir() and ".." not in name.parts:
            continue
        source = tar.extractfile(member) if member.isfile() else None
        if source is None or name.is_absolute() or ".." in name.parts:
            raise BundleError(f"{member.name} is not a plain file inside the bundle")
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, target.open("wb") as file:
            shutil.copyfileobj(source, file)


def run(arguments: list[str], environment: dict[str, str]) -> None:
    """Run a command; raise BundleError with its output's end when it fails."""
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BundleError(
            f"{' '.join(arguments[:3])} failed: {(done.stderr or done.stdout)[-2000:]}"
        )


def install(bundle: Path, release: Path, *, bundle_sha256: str, lock_sha256: str) -> None:
    """Check the bundle, unpack it beside the release, make the virtual environment, mark it complete."""
    if (found := sha256(bundle)) != bundle_sha256:
        raise BundleError(f"the bundle's digest is {found}, not {bundle_sha256}")
    shutil.rmtree(release, ignore_errors=True)
    staging = release / "bundle"
    staging.mkdir(parents=True)
    with tarfile.open(bundle) as tar:
        unpack(tar, staging)
    manifest = json.loads((staging / "manifest.json").read_text())
    check_manifest(
        manifest,
        lock_sha256=lock_sha256,
        python_tag=f"cp{sys.version_info.major}{sys.version_info.minor}",
    )
    check_files(staging, manifest["files"])

    uv = staging / "uv"
    uv.chmod(0o755)
    # Nothing of the caller's: no index, no configuration file, no download of an interpreter.
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(staging),
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
        "UV_NO_CACHE": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_LINK_MODE": "copy",
    }
    venv = release / "venv"
    run([str(uv), "venv", "--python", "/usr/bin/python3", str(venv)], environment)
    run(
        [
            str(uv), "pip", "install", "--python", str(venv / "bin/python"),
            "--no-index", "--find-links", str(staging / "wheels"), "--no-deps",
            "--require-hashes", "--compile-bytecode", "-r", str(staging / "requirements.txt"),
        ],
        environment,
    )  # fmt: skip
    run([str(uv), "pip", "check", "--python", str(venv / "bin/python")], environment)
    shutil.rmtree(staging)
    marker = release / ".complete"
    marker.write_text(
        json.dumps({"bundle_sha256": bundle_sha256, "lock_sha256": lock_sha256}) + "\n"
    )
    os.sync()


def main() -> int:
    """Parse the arguments, install, explain a refusal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--bundle-sha256", required=True)
    parser.add_argument("--lock-sha256", required=True)
    parser.add_argument("--release", type=Path, required=True)
    options = parser.parse_args()
    os.umask(0o022)
    # Beside a release that serves, the bytecode of 30,000 files can wait; on a new node nobody else wants the processor.
    os.nice(10)
    try:
        install(
            options.bundle,
            options.release,
            bundle_sha256=options.bundle_sha256,
            lock_sha256=options.lock_sha256,
        )
    except (BundleError, OSError, tarfile.TarError, KeyError, ValueError) as error:
        print(f"{options.bundle}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
