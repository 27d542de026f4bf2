"""The LangFlow bundle: one tar with every wheel of the lock, for installation without a network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from langflow_ha import ROOT
from langflow_ha.bundle import artefacts, container, lock
from langflow_ha.bundle.container import BuildError, Say

VERSION = "1.13.0"
PYTHON = {"debian13": "cp313", "debian12": "cp311"}
ARCHITECTURE = "x86_64"
LOCKS = ROOT / "roles" / "langflow" / "files"
EXTRAS = "postgresql,pgvector"
PLATFORM = f"{ARCHITECTURE}-manylinux_2_36"
UV_S = 900


def lock_file(system: str, version: str = VERSION) -> Path:
    """Return the hash-locked requirements file of LangFlow for an operating system."""
    return LOCKS / f"requirements-{version}-{PYTHON[system]}.txt"


def locked_versions() -> list[str]:
    """Return the LangFlow versions that the kit has a lock of, for any operating system."""
    return sorted({file.name.split("-")[1] for file in LOCKS.glob("requirements-*-cp*.txt")})


def needed_lock(system: str, version: str) -> Path:
    """Return the lock of a version; ValueError names those that are there and how to make another."""
    found = lock_file(system, version)
    if not found.is_file():
        raise ValueError(
            f"--version {version!r}: there is no lock of it for {system}, only of {', '.join(locked_versions())}; "
            f"make one with `langflow-ha bundle lock --version {version} --before DATE`"
        )
    return found


def lock_command(system: str, before: str) -> list[str]:
    """Return the command that resolves a lock; `before`: files uploaded from that day on, in UTC, are not seen.

    Only with such a date does a later run give the same lock. No index or link is written into it.
    """
    tag = PYTHON[system]
    return [
        "uv", "pip", "compile",
        "--python-version", f"{tag[2]}.{tag[3:]}",
        "--python-platform", PLATFORM,
        "--exclude-newer", f"{before}T00:00:00Z",
        "--generate-hashes", "--no-emit-index-url",
    ]  # fmt: skip


def make_lock(system: str, version: str, before: str, say: Say) -> Path:
    """Resolve LangFlow and all that it needs, as of a date, and write the lock; BuildError when that fails."""
    command = lock_command(system, before)
    target = lock_file(system, version)
    say(f"resolving {target.name} as of {before}")
    wanted = f"langflow-base[{EXTRAS}]=={version}"
    try:
        done = subprocess.run(
            [Path(sys.executable).with_name("uv"), *command[1:], "--quiet", "--no-header", "-"],
            input=wanted,
            capture_output=True,
            text=True,
            check=False,
            timeout=UV_S,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{target.name}: no lock within {UV_S} s") from error
    if done.returncode:
        raise BuildError(f"{target.name} could not be resolved: {done.stderr.strip()[-1500:]}")
    head = f"# {wanted} for CPython {command[4]} on {ARCHITECTURE} Linux (glibc 2.36 or newer).\n"
    target.write_text(lock.checked(f"{head}# {' '.join(command)}\n{done.stdout}", version), "utf-8")
    say(f"{target.name}: sha256 {artefacts.sha256(target)}")
    return target


def bundle_file(system: str, version: str = VERSION) -> Path:
    """Return where the bundle of the present lock is, or will be."""
    digest = lock.digest(needed_lock(system, version).read_bytes())
    name = f"langflow-{version}-{digest[:12]}-{PYTHON[system]}-{ARCHITECTURE}.tar"
    return artefacts.DIRECTORY / name


def assemble(directory: Path, source: Path, system: str, version: str) -> list[str]:
    """Write requirements.txt and manifest.json beside the wheels; return the wheels built from source."""
    pins = lock.parse(source.read_text("utf-8"))
    wheels = {
        file.name: artefacts.sha256(file) for file in sorted((directory / "wheels").iterdir())
    }
    (directory / "requirements.txt").write_text(lock.rewrite(wheels, pins), "utf-8")
    built = lock.built_here(wheels, pins)
    manifest = {
        "langflow_version": version,
        "python_tag": PYTHON[system],
        "architecture": ARCHITECTURE,
        "os": system,
        "lock": source.name,
        "lock_sha256": lock.digest(source.read_bytes()),
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "built_from_source": built,
        "files": {
            str(file.relative_to(directory)): artefacts.sha256(file)
            for file in sorted(directory.rglob("*"))
            if file.is_file()
        },
    }
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    return built


def root_owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave the builder's user and times out of the archive."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = 0
    return member


def pack(directory: Path, target: Path) -> str:
    """Write the tar (wheels are compressed already) and its checksum; return the digest."""
    partial = target.with_name(f"{target.name}.partial")
    with tarfile.open(partial, "w") as archive:
        for entry in sorted(directory.iterdir()):
            archive.add(entry, arcname=entry.name, filter=root_owned)
    partial.replace(target)
    return artefacts.seal(target)


def build(system: str, say: Say, version: str = VERSION) -> Path:
    """Build the bundle of an operating system unless it is there; return its path."""
    target = bundle_file(system, version)
    if artefacts.is_sealed(target):
        say(f"{target.name} is there ({artefacts.megabytes(target)})")
        return target
    artefacts.DIRECTORY.mkdir(exist_ok=True)
    source = needed_lock(system, version)
    say(f"building {target.name} (about three minutes)")
    directory = Path(tempfile.mkdtemp(prefix="langflow-", dir=artefacts.DIRECTORY))
    try:
        container.run(
            system,
            "build_langflow.sh",
            say,
            inputs={"lock.txt": source, "build.txt": ROOT / "requirements" / "bundle.txt"},
            output=directory,
            environment={},
            caches={"pip": "/root/.cache/pip"},
        )
        built = assemble(directory, source, system, version)
        say(f"built from source: {', '.join(built) or 'nothing'}")
        digest = pack(directory, target)
    finally:
        shutil.rmtree(directory)
    say(f"{target.name}: {artefacts.megabytes(target)}, sha256 {digest}")
    return target
