"""Debian packages as one tar for each operating system: a signed flat repository that apt reads from a directory."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from langflow_ha.bundle import artefacts, container
from langflow_ha.bundle.container import Say
from langflow_ha.bundle.langflow import root_owned

COMPLETE = ".complete"
"""Last in the tar: a directory without it was unpacked by half."""


def name(system: str) -> str:
    """Return the file's name; the roles know it too (playbooks/group_vars/all/wiring.yml)."""
    return f"packages-{system}-amd64.tar"


def versions(index: str) -> dict[str, str]:
    """Return name -> version of a repository's index (`Packages`)."""
    found = {}
    for stanza in index.split("\n\n"):
        fields = dict(
            line.split(": ", 1)
            for line in stanza.splitlines()
            if line[:1].isalpha() and ": " in line
        )
        if "Package" in fields:
            found[fields["Package"]] = fields["Version"]
    return dict(sorted(found.items()))


def pack(directory: Path, target: Path) -> None:
    """Write a repository as a tar: sorted, owned by root, the mark of completeness last."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for file in sorted(directory.iterdir()):
            archive.add(file, arcname=file.name, filter=root_owned)
        end = tarfile.TarInfo(COMPLETE)
        end.mode = 0o644
        archive.addfile(root_owned(end))


def build(
    system: str, wanted: Sequence[str], extra: Sequence[Path], into: Path, say: Say
) -> dict[str, str]:
    """Resolve packages and `extra` .deb files in a clean container and write the tar; return what is in it."""
    target = into / name(system)
    say(f"{target.name}: {len(wanted) + len(extra)} packages and all that they need")
    with tempfile.TemporaryDirectory(prefix="packages-", dir=into) as temporary:
        directory = Path(temporary)
        container.run(
            system,
            "build_packages.sh",
            say,
            inputs={f"extra/{file.name}": file for file in extra},
            output=directory,
            environment={"PACKAGES": " ".join(wanted)},
            caches={},
        )
        repository = directory / "repository"
        found = versions((repository / "Packages").read_text("utf-8"))
        pack(repository, target)
        shutil.rmtree(repository)
    say(f"{target.name}: {len(found)} packages, {artefacts.megabytes(target)}")
    return found
