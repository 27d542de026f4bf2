"""`langflow-ha bundle`: make, take over and list the artefacts that nodes install from."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from langflow_ha.bundle import archive as archives
from langflow_ha.bundle import (
    artefacts,
    collector,
    components,
    langflow,
    minio,
    opener,
    victorialogs,
)
from langflow_ha.bundle.container import BuildError
from langflow_ha.lab.model import LabError
from langflow_ha.upgrade import release
from langflow_ha.upgrade.migrations import UnknownRevisionError, harms, heads, pending

app = typer.Typer(
    help="The artefacts that nodes install from, built once under .artefacts/.",
    no_args_is_help=True,
)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (BuildError, LabError, opener.OpenError, OSError, ValueError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(1) from error


def _say(text: str) -> None:
    typer.echo(f"bundle: {text}")


def _known(systems: list[str]) -> list[str]:
    for system in systems:
        if system not in langflow.PYTHON:
            raise ValueError(f"--os {system!r}: there are {', '.join(langflow.PYTHON)}")
    return systems


@app.command()
def build(
    systems: Annotated[
        list[str] | None,
        typer.Option("--os", help="debian13 or debian12 (repeatable); default: debian13."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this one: langflow, minio, logs or traces (repeatable)."),
    ] = None,
    logs: Annotated[
        bool, typer.Option(help="VictoriaLogs too, for a site with central_logs.")
    ] = False,
    traces: Annotated[
        bool, typer.Option(help="The collector too, for a site with traces_enabled.")
    ] = False,
    version: Annotated[
        str, typer.Option(help="Of LangFlow; one that the kit has a lock of.")
    ] = langflow.VERSION,
) -> None:
    """Build what is missing. What is there with the right digest is left alone."""
    started = time.monotonic()
    with _errors():
        wanted = _known(systems or ["debian13"])
        parts = set(only or ("langflow", "minio"))
        if unknown := parts - {"langflow", "minio", "logs", "traces"}:
            raise ValueError(f"--only {min(unknown)!r}: it is langflow, minio, logs or traces")
        if "langflow" in parts:
            for system in wanted:
                langflow.build(system, _say, version)
        if "minio" in parts:
            minio.build(_say)
        if logs or "logs" in parts:
            victorialogs.build(_say)
        if traces or "traces" in parts:
            collector.build(_say)
    _say(f"done after {time.monotonic() - started:.0f} s")


@app.command()
def lock(
    version: Annotated[str, typer.Option(help="Of LangFlow, such as 1.12.8.")],
    before: Annotated[
        str, typer.Option(help="See no file that was uploaded from this date on, as 2026-11-01.")
    ],
    systems: Annotated[
        list[str] | None,
        typer.Option("--os", help="debian13 or debian12 (repeatable); default: both."),
    ] = None,
) -> None:
    """Pin a release of LangFlow and all that it needs by hash. The same version and date give the same lock."""
    with _errors():
        date.fromisoformat(before)
        for system in _known(systems or list(langflow.PYTHON)):
            langflow.make_lock(system, version, before, _say)


@app.command()
def supply(
    minio_binary: Annotated[Path, typer.Option(help="A MinIO server binary for linux/amd64.")],
    sha256: Annotated[str, typer.Option(help="Its hex SHA-256, from where you trust it.")],
) -> None:
    """Use a MinIO binary of your own instead of compiling one."""
    with _errors():
        if len(sha256) != 64:
            raise ValueError(f"--sha256 {sha256!r}: 64 hexadecimal digits are expected")
        minio.supply(minio_binary, sha256.lower(), _say)


@app.command()
def migrations(
    schema: Annotated[
        list[str],
        typer.Argument(
            help="Revision of the database: `langflow-admin schema` on a LangFlow node."
        ),
    ],
    system: Annotated[str, typer.Option("--os", help="debian13 or debian12.")] = "debian13",
    version: Annotated[str, typer.Option(help="Of LangFlow.")] = langflow.VERSION,
    bundle: Annotated[
        Path | None, typer.Option(help="A bundle elsewhere; default: the one of this version.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say which migrations a database waits for, and whether the version before may run beside this one.

    Exit code 0: it may; 3: all have to be stopped; 1: the database is newer, or there is no bundle.
    """
    with _errors():
        file = bundle or langflow.bundle_file(_known([system])[0], version)
        if not artefacts.is_sealed(file):
            raise ValueError(
                f"{file} is not there with the digest beside it; make it with "
                f"`langflow-ha bundle build --only langflow --version {version} --os {system}`"
            )
        known = release.migrations(file)
        try:
            waiting = pending(known, schema)
        except UnknownRevisionError as error:
            raise ValueError(
                f"LangFlow {version} does not know the database's revision {error}: a newer LangFlow made it. "
                "A schema cannot be taken back; playbooks/upgrade_undo.yml restores the one from before"
            ) from error
        harmful = harms(waiting)
    if as_json:
        told = {"pending": [m.revision for m in waiting], "harms": harmful}
        typer.echo(json.dumps(told | {"heads": heads(known)}))
    else:
        _say(
            f"{len(waiting)} migrations wait, {len(harmful)} forbid two versions beside each other"
        )
        for name, reasons in harmful.items():
            typer.echo(f"  {name}: {', '.join(reasons)}")
    raise typer.Exit(3 if harmful else 0)


@app.command()
def archive(
    key: Annotated[
        Path,
        typer.Option(
            help="SSH key that signs; or its .pub, when the agent or a token has the key."
        ),
    ],
    systems: Annotated[
        list[str] | None,
        typer.Option("--os", help="Of nodes (repeatable); default: debian13."),
    ] = None,
    controllers: Annotated[
        list[str] | None,
        typer.Option(
            "--controller-os", help="Of the site's controller (repeatable); default: debian13."
        ),
    ] = None,
    parts: Annotated[
        list[str] | None,
        typer.Option(
            "--component", help="Part of the site (repeatable); default: all but logs and traces."
        ),
    ] = None,
    versions: Annotated[
        list[str] | None, typer.Option("--version", help="Of LangFlow (repeatable).")
    ] = None,
    package: Annotated[
        list[str] | None, typer.Option(help="A further Debian package (repeatable).")
    ] = None,
    deb: Annotated[
        list[Path] | None,
        typer.Option(help="A .deb that Debian does not have, such as Grafana's (repeatable)."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Default: below .artefacts/archives.")] = None,
    again: Annotated[
        bool, typer.Option(help="Make it again, with today's packages, when it is there.")
    ] = False,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="Say what it would be made of.")
    ] = False,
) -> None:
    """Make one signed archive that a site without a network deploys from. See docs/airgap.md."""
    started = time.monotonic()
    with _errors():
        extra = deb or []
        if absent := [file for file in extra if not file.is_file() or file.suffix != ".deb"]:
            raise ValueError(f"--deb {absent[0]}: there is no such .deb file")
        usual = [name for name in components.components() if name not in components.BY_CHOICE]
        plan = archives.Plan(
            kit=archives.kit_name(),
            systems=tuple(_known(sorted(set(systems or ["debian13"])))),
            controllers=tuple(_known(sorted(set(controllers or ["debian13"])))),
            components=tuple(components.checked(parts or usual)),
            langflow=tuple(sorted(set(versions or [langflow.VERSION]))),
            packages=tuple(sorted(set(package or []))),
            extra=tuple(artefacts.sha256(file) for file in extra),
        )
        target = output or archives.DIRECTORY / f"{plan.stem}.tar"
        if changed := archives.uncommitted():
            _say(f"not in it, as it is not committed: {', '.join(changed)}")
        _say(f"{plan.kit}; components {', '.join(plan.components)}")
        for name, file, version in plan.files():
            state = "is there" if artefacts.is_sealed(file) else "would be built"
            _say(f"{name} {version} {state}")
        for system in plan.all_systems():
            _say(f"packages for {system}: {', '.join(plan.wanted(system))}")
        if not again and artefacts.is_sealed(target):
            _say(f"{target} is there ({artefacts.megabytes(target)}); --again for today's packages")
            return
        if only_plan:
            _say(f"{target} would be made")
            return
        archives.make(plan, extra, key, target, _say)
    _say(f"done after {time.monotonic() - started:.0f} s")


@app.command("open")
def open_archive(
    file: Annotated[Path, typer.Argument(help="The archive.")],
    key: Annotated[Path, typer.Option(help="Public key of who made it (.pub).")],
    into: Annotated[
        Path | None, typer.Option(help="New directory; without it: only verify.")
    ] = None,
) -> None:
    """Verify an archive, and open it into a directory of its own. The first one is opened by the file beside it."""
    with _errors():
        machine = opener.Machine.here()
        if into:
            opener.unpack(file, key, into, machine, _say)
        else:
            opener.check(file, key, machine, _say)


@app.command("list")
def list_artefacts() -> None:
    """Print the artefacts that are there and whether their digests are right."""
    for path in sorted(artefacts.DIRECTORY.glob("*.sha256")):
        file = path.with_suffix("")
        state = "ok" if artefacts.is_sealed(file) else "DAMAGED"
        size = artefacts.megabytes(file) if file.is_file() else "absent"
        typer.echo(f"{state:<8}{size:>8}  {file.name}")
