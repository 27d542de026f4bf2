"""One digest for a directory of custom components: the same files are the same digest, on the controller and on every node.

usage: langflow_components.py DIRECTORY. Exit codes: 0 well, 1 the directory is not what LangFlow expects.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path


def digest(directory: Path) -> str:
    """Return the SHA-256 over names and contents of all files, in the order of their names.

    Raises ValueError for what LangFlow would not read as `<category>/<file>.py` (lfx/custom/directory_reader), and
    for a directory without any component.
    """
    total, components = hashlib.sha256(), 0
    files = (p for p in directory.rglob("*") if not p.is_dir() and "__pycache__" not in p.parts)
    for path in sorted(files, key=lambda path: path.relative_to(directory).as_posix()):
        name = path.relative_to(directory).as_posix()
        if path.is_symlink():
            raise ValueError(f"{name} is a link: put the file itself there")
        if path.suffix == ".py" and "/" not in name:
            raise ValueError(f"{name} is in no category: put it into <category>/{name}")
        if path.suffix == ".py":
            components += 1
            compile(path.read_text("utf-8"), name, "exec", dont_inherit=True)
        total.update(f"{len(name)}:{name}:{path.stat().st_size}:".encode())
        total.update(path.read_bytes())
    if not components:
        raise ValueError("there is no <category>/<file>.py in it")
    return total.hexdigest()


def main(arguments: list[str]) -> int:
    """Print the digest; returns the exit code."""
    try:
        print(digest(Path(arguments[0])))
    except (ValueError, SyntaxError, OSError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
