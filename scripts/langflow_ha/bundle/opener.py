#!/usr/bin/env python3
"""Open an archive of the kit on a site without a network: signature, then every digest, then the files.

One file and the standard library only: it is carried beside the archive, and runs before there is a kit.
Nothing is written before the whole archive has been read and found right.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.json.sig"
NAMESPACE = "langflow-ha-bundle"
"""What a signature is for: one that the same key made for something else is not accepted."""
KIT = "kit/kit.tar"
ARTEFACTS = "artefacts/"
OPENED = ".artefacts/archive.json"
"""The manifest of the archive that a directory came from; scripts/bootstrap needs no network where it is."""
AGAIN = "carry the archive over again; if it fails again, make it again on the connected machine"
_BLOCK = 1 << 20
_MOST_TEXT = 16 << 20

Say = Callable[[str], None]


class OpenError(Exception):
    """The archive is refused; the text names file, expected, found and mend. Nothing has been changed."""


@dataclass(frozen=True)
class Entry:
    """One file of the archive as the manifest promises it."""

    path: str
    size: int
    sha256: str
    mode: int


@dataclass(frozen=True)
class Machine:
    """What decides whether an archive is for this controller."""

    architecture: str
    python: str

    @staticmethod
    def here() -> Machine:
        """Return what this machine is."""
        return Machine(platform.machine(), f"cp{sys.version_info[0]}{sys.version_info[1]}")


def safe(path: str) -> bool:
    """Tell whether a path stays below the directory that it is relative to."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\0" not in path


def entries(manifest: Mapping[str, Any]) -> dict[str, Entry]:
    """Return what the manifest promises; OpenError when it is of a form that this file does not know."""
    if manifest.get("format") != FORMAT:
        raise OpenError(
            f"{MANIFEST}: format {manifest.get('format')!r} was found, {FORMAT} is expected: open the archive "
            "with the opener that was made beside it"
        )
    found = {}
    for raw in manifest["files"]:
        entry = Entry(str(raw["path"]), int(raw["size"]), str(raw["sha256"]), int(raw["mode"], 8))
        if not safe(entry.path) or not entry.path.startswith((ARTEFACTS, KIT)):
            raise OpenError(f"{MANIFEST} names {entry.path!r}, which leads out of the archive")
        found[entry.path] = entry
    return found


def unfit(manifest: Mapping[str, Any], machine: Machine) -> list[str]:
    """Return why an archive is not for this machine; empty when it is."""
    found = []
    if manifest["architecture"] != machine.architecture:
        found.append(
            f"{MANIFEST}: it is for {manifest['architecture']}, this machine is {machine.architecture}: "
            "the kit runs on x86-64 only"
        )
    pythons = {str(one["python"]): str(one["system"]) for one in manifest["controllers"]}
    if machine.python not in pythons:
        listed = ", ".join(f"{python} ({system})" for python, system in pythons.items())
        found.append(
            f"{MANIFEST}: it is for a controller with Python {listed}, this one is {machine.python}: open it with "
            "that system's /usr/bin/python3, or make it with `langflow-ha bundle archive --controller-os`"
        )
    return found


def differences(promised: Mapping[str, Entry], found: Mapping[str, tuple[int, str]]) -> list[str]:
    """Return what is not as the manifest says: `found` has size and digest of each file of the archive."""
    problems = []
    for path, entry in sorted(promised.items()):
        if path not in found:
            problems.append(f"{path}: expected {entry.size} bytes, found no such file: {AGAIN}")
            continue
        size, digest = found[path]
        if size != entry.size:
            problems.append(f"{path}: expected {entry.size} bytes, found {size}: {AGAIN}")
        elif digest != entry.sha256:
            problems.append(
                f"{path}: expected sha256 {entry.sha256}, found {digest}: a byte was altered; {AGAIN}"
            )
    for path in sorted(found.keys() - promised.keys()):
        problems.append(f"{path}: expected no such file, as {MANIFEST} does not name it: {AGAIN}")
    return problems


def _ssh_keygen(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", *arguments], input=stdin, capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise OpenError("there is no ssh-keygen command: install openssh-client") from error


def public_keys(file: Path) -> list[str]:
    """Return the public keys of a file, without comments; OpenError when it has none."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OpenError(f"--key {file}: {error}") from error
    keys = [" ".join(line.split()[:2]) for line in lines if line.strip() and line[0] != "#"]
    if not keys or not all(key.startswith(("ssh-", "ecdsa-", "sk-")) for key in keys):
        raise OpenError(
            f"--key {file}: expected public keys as in a .pub file of ssh-keygen, one a line; "
            "take the .pub file of who made the archive"
        )
    return keys


def verify(signed: bytes, signature: bytes, key_file: Path, name: str = MANIFEST) -> str:
    """Return the fingerprint of the key that signed; OpenError unless it is one of the file's keys."""
    keys = public_keys(key_file)
    with tempfile.TemporaryDirectory(prefix="langflow-ha-") as directory:
        signers, file = Path(directory, "signers"), Path(directory, "sig")
        signers.write_text("".join(f"{NAMESPACE} {key}\n" for key in keys), "utf-8")
        file.write_bytes(signature)
        common = ["-n", NAMESPACE, "-s", str(file)]
        good = _ssh_keygen(
            *("-Y", "verify", "-f", str(signers), "-I", NAMESPACE), *common, stdin=signed
        )
        if good.returncode == 0:
            return good.stdout.decode().split()[-1]
        any_signer = _ssh_keygen("-Y", "check-novalidate", *common, stdin=signed)
    if any_signer.returncode:
        raise OpenError(
            f"{name}: expected a signature for {NAMESPACE} that fits it, found one that does not "
            f"({good.stderr.decode().strip() or 'damaged'}): it was altered after it was signed; {AGAIN}"
        )
    listed = _ssh_keygen("-l", "-f", str(key_file)).stdout.decode()
    expected = ", ".join(line.split()[1] for line in listed.splitlines())
    raise OpenError(
        f"{name}: expected a signature by {expected} ({key_file}), found one by "
        f"{any_signer.stdout.decode().split()[-1]}: ask who made the archive for the public key, by a way that you trust"
    )


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = archive.extractfile(member)
    if stream is None:
        raise OpenError(f"{member.name}: expected a file, found something else: {AGAIN}")
    return stream


def _copy(source: IO[bytes], target: IO[bytes] | None) -> tuple[int, str]:
    """Read to the end, write it where there is a target, and return size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    while block := source.read(_BLOCK):
        digest.update(block)
        size += len(block)
        if target:
            target.write(block)
    return size, digest.hexdigest()


@contextmanager
def _archive(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as archive:
            yield archive
    except tarfile.TarError as error:
        raise OpenError(
            f"{path}: expected an archive of the kit, found {error}: {AGAIN}"
        ) from error
    except OSError as error:
        raise OpenError(f"{path}: {error}") from error


def _head(archive: tarfile.TarFile) -> tuple[bytes, bytes]:
    """Return manifest and signature, the first two files."""
    found = []
    for name in (MANIFEST, SIGNATURE):
        member = archive.next()
        if member is None or member.name != name or not 0 < member.size <= _MOST_TEXT:
            other = member.name if member else "the end"
            raise OpenError(
                f"{archive.name!s}: expected {name} in this place, found {other}: {AGAIN}"
            )
        found.append(_content(archive, member).read())
    return found[0], found[1]


def _measure(archive: tarfile.TarFile) -> dict[str, tuple[int, str]]:
    """Return size and digest of every other file."""
    found: dict[str, tuple[int, str]] = {}
    while member := archive.next():
        if not member.isreg() or member.name in found:
            raise OpenError(
                f"{member.name}: expected one plain file, found a link, a directory or a second one: {AGAIN}"
            )
        found[member.name] = _copy(_content(archive, member), None)
    return found


def check(path: Path, key: Path, machine: Machine, say: Say) -> dict[str, Any]:
    """Read the whole archive and return its manifest; OpenError when anything is not as it was signed."""
    with _archive(path) as archive:
        signed, signature = _head(archive)
        say(f"signed by {verify(signed, signature, key)}")
        manifest: dict[str, Any] = json.loads(signed)
        promised = entries(manifest)
        problems = unfit(manifest, machine) or differences(promised, _measure(archive))
    if problems:
        raise OpenError("\n".join([f"{path.name} is refused, nothing was changed:", *problems]))
    say(
        f"{len(promised)} files are as signed, {sum(e.size for e in promised.values()) / 1e6:.0f} MB"
    )
    return manifest


def _unpack_kit(file: Path, into: Path) -> None:
    """Unpack the kit's own tar. By hand: Debian 12's Python has no extraction filters yet."""
    with tarfile.open(file, "r:") as kit:
        for member in kit:
            target = into / member.name
            if not safe(member.name):
                raise OpenError(f"{KIT} has {member.name!r}, which leads out of it: {AGAIN}")
            target.parent.mkdir(parents=True, exist_ok=True)
            if member.isdir():
                target.mkdir(exist_ok=True)
            elif member.issym():
                target.symlink_to(member.linkname)
            elif member.isreg():
                with target.open("wb") as stream:
                    _copy(_content(kit, member), stream)
                target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _extract(path: Path, promised: Mapping[str, Entry], into: Path) -> None:
    """Write the files, and compare what was written once more: the archive is read a second time."""
    written: dict[str, tuple[int, str]] = {}
    with _archive(path) as archive:
        _head(archive)
        while member := archive.next():
            entry = promised.get(member.name)
            if entry is None:
                raise OpenError(f"{path.name} changed while it was read: {AGAIN}")
            name = member.name.removeprefix(ARTEFACTS)
            target = into / (".artefacts" if name != member.name else ".kit") / Path(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as stream:
                written[member.name] = _copy(_content(archive, member), stream)
            target.chmod(entry.mode & 0o755)
            if name != member.name and "/" not in name:
                line = f"{entry.sha256}  {target.name}\n"
                target.with_name(f"{target.name}.sha256").write_text(line, "ascii")
    if problems := differences(promised, written):
        raise OpenError("\n".join([f"{path.name} changed while it was read:", *problems]))


def unpack(path: Path, key: Path, into: Path, machine: Machine, say: Say) -> dict[str, Any]:
    """Check an archive and make the directory `into` of it; return the manifest."""
    if into.exists():
        raise OpenError(
            f"--into {into}: expected nothing, found something: each archive gets a directory of its own; "
            "name a new one, and keep your inventory outside of it"
        )
    manifest = check(path, key, machine, say)
    promised = entries(manifest)
    parent = into.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    needed = sum(entry.size for entry in promised.values()) + promised[KIT].size
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise OpenError(
            f"{parent}: expected {needed / 1e6:.0f} MB free, found {free / 1e6:.0f} MB: make room, or name another --into"
        )
    partial = Path(tempfile.mkdtemp(prefix=f".{into.name}.", dir=parent))
    try:
        partial.chmod(0o755)
        _extract(path, promised, partial)
        _unpack_kit(partial / ".kit" / KIT, partial)
        shutil.rmtree(partial / ".kit")
        text = json.dumps(manifest, indent=2) + "\n"
        (partial / OPENED).write_text(text, "utf-8")
        partial.rename(into)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    say(f"opened into {into}; next: {into}/scripts/bootstrap python")
    return manifest


def main(arguments: list[str] | None = None) -> int:
    """Run from a shell, without the kit."""
    parser = argparse.ArgumentParser(description="Verify an archive of the kit, and open it.")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--key", type=Path, required=True, help="public key of who made it (.pub)")
    parser.add_argument("--into", type=Path, help="new directory; without it: only verify")
    options = parser.parse_args(arguments)

    def say(text: str) -> None:
        sys.stdout.write(f"open: {text}\n")
        sys.stdout.flush()

    try:
        if options.into:
            unpack(options.archive, options.key, options.into, Machine.here(), say)
        else:
            check(options.archive, options.key, Machine.here(), say)
    except (OpenError, OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
