#!/usr/bin/env python3
"""Prove that a directory can be the one that all LangFlow nodes share, and prepare it once.

- mounted: it lies on a file system of its own, not on the root disk of this node;
- owned: it belongs to LangFlow's user, and so does what that user makes there (a server may map users);
- durable: a file is written, synced, read back;
- prepared: the directories ``files`` and ``health`` and an identity that all nodes must agree on.

Prints ``{"changed": …, "identity": …}``. Exit codes: 0 fit, 1 not (with the reason and what to do).
With ``--check`` nothing is made: what is missing counts as a change.
"""

import argparse
import json
import os
import secrets
import sys
import uuid
from contextlib import suppress
from pathlib import Path

IDENTITY = ".langflow-ha-share"
DIRECTORIES = {"files": 0o700, "health": 0o777}
"""`health` is open: the agents have users of their own, with another number on every node."""


class UnfitError(Exception):
    """The directory cannot be used; the text says why and what to do."""


def check_mounted(directory: Path) -> None:
    """Raise UnfitError when the directory lies on the root file system."""
    if not any(os.path.ismount(place) for place in (directory, *directory.parents[:-1])):
        raise UnfitError(
            f"nothing is mounted at {directory} or above it: files would stay on this node. "
            "Mount the share there"
        )


def become(owner: int) -> None:
    """Act as the owner: a server that squashes root would judge root's attempts as nobody's."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(owner)
        os.setuid(owner)
    os.umask(0o077)


def check_owner(path: Path, owner: int, mend: str) -> None:
    """Raise UnfitError unless the path belongs to the owner."""
    found = path.stat()
    if (found.st_uid, found.st_gid) != (owner, owner):
        raise UnfitError(
            f"{path} belongs to {found.st_uid}:{found.st_gid}, not {owner}:{owner}: {mend}"
        )


def prepare(directory: Path, owner: int, *, check: bool) -> bool:
    """Make what is missing; returns whether something was (or would be)."""
    mode = directory.stat().st_mode
    changed = mode & 0o011 != 0o011
    if changed and not check:
        directory.chmod(mode | 0o011)  # to pass, not to list
    for name, mode in DIRECTORIES.items():
        path = directory / name
        if path.is_dir():
            check_owner(path, owner, "rename what is there")
            continue
        changed = True
        if not check:
            path.mkdir()
            path.chmod(mode)
            check_owner(path, owner, "the server maps users; let it keep their numbers")
    return changed


def identity(directory: Path, *, check: bool) -> tuple[bool, str]:
    """Read the share's identity, or give it one; returns whether it was new, and what it is."""
    path = directory / IDENTITY
    if not path.exists():
        if check:
            return True, ""
        # Two nodes may be here at once: the link is made by one of them.
        draft = directory / f"{IDENTITY}.{secrets.token_hex(4)}"
        write_durably(draft, f"{uuid.uuid4()}\n".encode())
        try:
            with suppress(FileExistsError):
                path.hardlink_to(draft)
                return True, path.read_text("ascii").strip()
        finally:
            draft.unlink()
    return False, path.read_text("ascii").strip()


def write_durably(path: Path, data: bytes) -> None:
    """Write a new file and wait until the server has it on disk."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def check_writes(directory: Path) -> None:
    """Write a file, read it back, remove it; raises UnfitError when it comes back altered."""
    path, data = directory / f".proof-{secrets.token_hex(8)}", secrets.token_bytes(4096)
    try:
        write_durably(path, data)
        if path.read_bytes() != data:
            raise UnfitError(f"{path} was read back altered: do not use this server")
    finally:
        path.unlink(missing_ok=True)


def prove(directory: Path, owner: int, *, check: bool) -> dict[str, object]:
    """Run every check in order; returns what is printed."""
    try:
        become(owner)
        check_mounted(directory)
        check_owner(
            directory, owner, f"on the server, run chown {owner}:{owner} on the exported directory"
        )
        if not check:
            check_writes(directory)
        made = prepare(directory, owner, check=check)
        new, name = identity(directory, check=check)
    except OSError as error:
        raise UnfitError(
            f"{error.filename or directory}: {error.strerror}, as user {owner}: mount the export with write "
            "access, and let its directory belong to that number"
        ) from error
    return {"changed": made or new, "identity": name}


def main() -> int:
    """Parse the arguments, prove, explain a refusal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--owner", type=int, required=True, help="number of user and group")
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args()
    try:
        print(json.dumps(prove(options.directory, options.owner, check=options.check)))
    except UnfitError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
