"""One signed archive with all that a site without a network installs from. `opener.py` is its other half."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langflow_ha import ROOT
from langflow_ha.bundle import (
    artefacts,
    collector,
    components,
    container,
    langflow,
    minio,
    opener,
    packages,
    victorialogs,
)
from langflow_ha.bundle.container import BuildError, Say
from langflow_ha.bundle.lock import wheel_project

DIRECTORY = artefacts.DIRECTORY / "archives"
OPENER = "open-langflow-ha"
"""Carried beside the archive: it runs where there is no kit yet."""
LOCK = ROOT / "requirements" / "controller.txt"


@dataclass(frozen=True)
class Plan:
    """What an archive is made of, decided before anything is built."""

    kit: str
    """Version and commit."""
    systems: tuple[str, ...]
    controllers: tuple[str, ...]
    components: tuple[str, ...]
    langflow: tuple[str, ...]
    packages: tuple[str, ...] = ()
    """Further ones, for every operating system of nodes."""
    extra: tuple[str, ...] = ()
    """Digests of .deb files that no distribution has."""

    @property
    def stem(self) -> str:
        """Return the archive's name without its ending: the same plan has the same name."""
        digest = hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()
        return f"{self.kit}-{digest[:8]}"

    def wanted(self, system: str) -> list[str]:
        """Return the packages for an operating system."""
        found = set()
        if system in self.systems:
            found |= {*components.packages(system, self.components), *self.packages}
        if system in self.controllers:
            found |= set(components.packages(system, [components.CONTROLLER]))
        return sorted(found)

    def all_systems(self) -> list[str]:
        """Return the operating systems of nodes and controllers."""
        return sorted({*self.systems, *self.controllers})

    def files(self) -> list[tuple[str, Path, str]]:
        """Return (name, file, version) of what `bundle build` makes and this archive carries."""
        found = []
        if "langflow" in self.components:
            found += [
                (f"LangFlow for {system}", langflow.bundle_file(system, version), version)
                for version in self.langflow
                for system in self.systems
            ]
        if "minio" in self.components:
            found.append(("MinIO", minio.binary_file(), minio.pin().release))
        if "logs" in self.components:
            found.append(
                ("VictoriaLogs", victorialogs.binary_file(), victorialogs.recipe().version)
            )
        if "traces" in self.components:
            found.append(
                ("OpenTelemetry Collector", collector.binary_file(), collector.recipe().version)
            )
        return found


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BuildError("there is no git command; run `make setup`") from error
    if done.returncode:
        raise BuildError(
            f"{ROOT} is no checkout of the kit ({done.stderr.strip()}): make archives where it was cloned"
        )
    return done.stdout.strip()


def kit_name() -> str:
    """Return version and commit of the kit, as langflow-ha-0.1.0-0123456789ab."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return f"{project['name']}-{project['version']}-{_git('rev-parse', '--short=12', 'HEAD')}"


def uncommitted() -> list[str]:
    """Return tracked files that differ from the commit: an archive has the commit."""
    return [line[3:] for line in _git("status", "--porcelain", "-uno").splitlines()]


def build_missing(plan: Plan, say: Say) -> None:
    """Build the artefacts of a plan that are not there."""
    if "langflow" in plan.components:
        for version in plan.langflow:
            for system in plan.systems:
                langflow.build(system, say, version)
    if "minio" in plan.components:
        minio.build(say)
    if "logs" in plan.components:
        victorialogs.build(say)
    if "traces" in plan.components:
        collector.build(say)


def controller_wheels(system: str, into: Path, say: Say) -> dict[str, str]:
    """Download the wheels of the controller's lock for a system; return project -> version."""
    with tempfile.TemporaryDirectory(prefix="controller-", dir=into) as temporary:
        directory = Path(temporary)
        container.run(
            system,
            "build_controller.sh",
            say,
            inputs={"lock.txt": LOCK},
            output=directory,
            environment={},
            caches={"pip": "/root/.cache/pip"},
        )
        target = into / f"wheels-{langflow.PYTHON[system]}"
        (directory / "wheels").rename(target)
    return dict(wheel_project(file.name) for file in sorted(target.iterdir()))


def kit(target: Path) -> None:
    """Write the kit's commit as a tar."""
    target.parent.mkdir(parents=True)
    _git("archive", "--format=tar", f"--output={target}", "HEAD")


def manifest(
    plan: Plan, tree: Path, contents: Mapping[str, Mapping[str, str]], made_at: datetime
) -> dict[str, Any]:
    """Return the manifest of the files below `tree`; `contents`: path -> name -> version of what is inside."""
    listed = []
    for file in sorted(path for path in tree.rglob("*") if path.is_file()):
        path = str(file.relative_to(tree))
        entry: dict[str, Any] = {
            "path": path,
            "size": file.stat().st_size,
            "sha256": artefacts.sha256(file),
            "mode": "755" if os.access(file, os.X_OK) else "644",
        }
        if path in contents:
            entry["versions"] = dict(contents[path])
        listed.append(entry)
    return {
        "format": opener.FORMAT,
        "kit": plan.kit,
        "architecture": langflow.ARCHITECTURE,
        "made_at": made_at.isoformat(timespec="seconds"),
        "systems": list(plan.systems),
        "controllers": [
            {"system": system, "python": langflow.PYTHON[system]} for system in plan.controllers
        ],
        "components": list(plan.components),
        "langflow": list(plan.langflow) if "langflow" in plan.components else [],
        "files": listed,
    }


def sign(file: Path, key: Path) -> Path:
    """Sign a file with an SSH key (a file, or the public half of one that the agent has); return the signature."""
    signature = file.with_name(f"{file.name}.sig")
    signature.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", opener.NAMESPACE, str(file)]
    # Its standard input stays the terminal's: it may ask for a passphrase or a touch.
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode or not signature.is_file():
        raise BuildError(f"--key {key} does not sign: {done.stderr.strip()}")
    return signature


def check_key(key: Path) -> None:
    """Raise ValueError unless the key signs: better before a quarter of an hour of building."""
    if not key.is_file():
        raise ValueError(
            f"--key {key}: there is no such file; make a key with `ssh-keygen -t ed25519 -f {key}` and "
            "carry its .pub to the site by a way that you trust"
        )
    with tempfile.TemporaryDirectory(prefix="langflow-ha-") as directory:
        file = Path(directory, "probe")
        file.write_bytes(b"")
        sign(file, key)


def pack(tree: Path, made: Mapping[str, Any], key: Path, target: Path) -> None:
    """Write the archive: manifest, signature, then the files in the manifest's order."""
    partial = target.with_name(f"{target.name}.partial")
    with tempfile.TemporaryDirectory(prefix="langflow-ha-") as directory:
        file = Path(directory, opener.MANIFEST)
        file.write_text(json.dumps(made, indent=1) + "\n", "utf-8")
        signature = sign(file, key)
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as archive:
            for text in (file, signature):
                member = langflow.root_owned(tarfile.TarInfo(text.name))
                member.mode = 0o644
                content = text.read_bytes()
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            for entry in made["files"]:
                member = langflow.root_owned(tarfile.TarInfo(entry["path"]))
                member.mode, member.size = int(entry["mode"], 8), entry["size"]
                with (tree / entry["path"]).open("rb") as stream:
                    archive.addfile(member, stream)
    partial.replace(target)


def _carry(source: Path, target: Path) -> None:
    """Put a file into the tree without a second copy of its bytes, where the file system can."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def gather(plan: Plan, extra: Sequence[Path], tree: Path, say: Say) -> dict[str, dict[str, str]]:
    """Put everything into `tree`, as the archive has it; return what is inside of which file."""
    contents: dict[str, dict[str, str]] = {}
    inside = tree / opener.ARTEFACTS
    inside.mkdir(parents=True)
    for system in plan.all_systems():
        added = extra if system in plan.systems else []
        found = packages.build(system, plan.wanted(system), added, inside, say)
        contents[f"{opener.ARTEFACTS}{packages.name(system)}"] = found
    for system in plan.controllers:
        found = controller_wheels(system, inside, say)
        say(f"{len(found)} wheels for a controller with {system}")
    for _, file, version in plan.files():
        _carry(file, inside / file.name)
        contents[f"{opener.ARTEFACTS}{file.name}"] = {"version": version}
    for file in extra:
        _carry(file, inside / file.name)
    kit(tree / opener.KIT)
    contents[opener.KIT] = {"version": plan.kit}
    return contents


def make(plan: Plan, extra: Sequence[Path], key: Path, target: Path, say: Say) -> None:
    """Build what is missing, and write archive, opener and the opener's signature."""
    check_key(key)
    target.parent.mkdir(parents=True, exist_ok=True)
    build_missing(plan, say)
    with tempfile.TemporaryDirectory(prefix=".tree-", dir=target.parent) as directory:
        tree = Path(directory)
        contents = gather(plan, extra, tree, say)
        made = manifest(plan, tree, contents, datetime.now(UTC))
        say(f"signing and writing {len(made['files'])} files")
        pack(tree, made, key, target)
    script = target.with_name(OPENER)
    shutil.copyfile(opener.__file__, script)
    script.chmod(0o755)
    sign(script, key)
    digest = artefacts.seal(target)
    say(f"{target}: {artefacts.megabytes(target)}, sha256 {digest}")
    say(f"carry it over with {script.name}, {script.name}.sig: docs/airgap.md")
