"""Where LangFlow's files live: an object store, or a directory that all nodes share."""

from __future__ import annotations

import re
from collections.abc import Iterator

from langflow_ha.preflight.checks.names import shown
from langflow_ha.preflight.model import Note, Problem, Site, listing

FILER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]+")
DIRECTORY = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
NOBODY = 65534
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def storage(site: Site) -> Iterator[Problem]:
    """A store whose settings are incomplete, or hosts for one that is not used."""
    backend = site.value("storage_backend")
    for group, used_by in (("minio", "minio"), ("nfs_server", "nfs")):
        if backend not in (used_by, None) and site.members(group):
            yield Problem(
                "storage",
                f"group {group}",
                listing(site.members(group)),
                f"storage_backend is {backend}, so nothing would use it",
                f"leave the group {group} empty, or set storage_backend to {used_by}",
            )
    if backend != "s3":
        return
    for name in ("external_s3_endpoint", "external_s3_bucket"):
        if site.value(name) == "":
            yield Problem(
                "storage",
                name,
                "",
                "storage_backend s3 needs it",
                site.specs.site[name].description,
            )
    bucket = site.value("external_s3_bucket")
    if bucket and not BUCKET.fullmatch(bucket):
        yield Problem(
            "storage",
            "external_s3_bucket",
            shown("external_s3_bucket", bucket),
            "is not a bucket name: 3 to 63 of a-z, 0-9, dot and hyphen",
            "use the bucket's bare name, without s3:// and path",
        )


def share(site: Site) -> Iterator[Problem]:
    """With NFS: exactly one place where the files are, and one that can work."""
    if site.value("storage_backend") != "nfs":
        return
    servers = site.members("nfs_server")
    filer, directory = site.value("external_nfs_server"), site.value("external_shared_directory")
    places = {
        f"group nfs_server ({listing(servers)})": servers,
        f"external_nfs_server ({filer})": filer,
        f"external_shared_directory ({directory})": directory,
    }
    named = [place for place, there in places.items() if there]
    if len(named) != 1:
        yield Problem(
            "storage",
            "storage_backend",
            "nfs",
            f"the files are in {' and in '.join(named)}" if named else "nothing says where it is",
            "either put one host into the group nfs_server, or name your filer (external_nfs_server and "
            "external_nfs_export), or a directory that you mount (external_shared_directory)",
        )
    if len(servers) > 1:
        yield Problem(
            "storage",
            "group nfs_server",
            listing(servers),
            "two servers do not have the same files",
            "leave one; for files without a single point of failure use minio or a filer (docs/storage.md)",
        )
    for host in sorted(set(servers) & set(site.members("langflow"))):
        yield Problem(
            "storage",
            "group nfs_server",
            host,
            "a machine that mounts its own export can lock up when memory runs short, and its loss would "
            "take a LangFlow along",
            "use a machine without LangFlow, such as the witness",
        )
    yield from _share_words(site)


def _share_words(site: Site) -> Iterator[Problem]:
    filer, export = site.value("external_nfs_server"), site.value("external_nfs_export")
    if filer and not FILER.fullmatch(filer):
        yield Problem(
            "storage",
            "external_nfs_server",
            shown("external_nfs_server", filer),
            "is neither an address nor a name",
            "write the path into external_nfs_export, and IPv6 addresses without brackets",
        )
    if filer and not export:
        yield Problem(
            "storage",
            "external_nfs_export",
            "",
            "external_nfs_server needs it",
            site.specs.site["external_nfs_export"].description,
        )
    for name in ("external_nfs_export", "external_shared_directory", "nfs_exported_directory"):
        path = site.value(name)
        if path and not DIRECTORY.fullmatch(path):
            yield Problem(
                "storage",
                name,
                shown(name, path),
                "is not an absolute path of letters, digits and ._- below the root",
                "write it like /srv/langflow",
            )
    owner = site.value("shared_files_owner_id")
    if owner is not None and not 0 < owner < NOBODY:
        yield Problem(
            "storage",
            "shared_files_owner_id",
            str(owner),
            "servers take root's number for nobody's" if owner == 0 else "is no user's number",
            f"use one between 1 and {NOBODY - 1} that nobody else has on the nodes, such as 860",
        )


def notes(site: Site) -> Iterator[Note]:
    """What files on NFS bring along."""
    if site.value("storage_backend") != "nfs":
        return
    yield Note(
        "storage_backend",
        "nfs",
        "LangFlow's production profile refuses every local directory, because it cannot know that all nodes see "
        "the same one. So LangFlow runs in its profile dev, and the kit proves the share itself: at every run, "
        "before every start and once a second. `langflow-admin preflight` on a node makes all other checks of "
        "the production profile. What dev allows beyond it, knowledge bases in files of one node, is switched "
        "off. See docs/storage.md.",
    )
    if servers := site.members("nfs_server"):
        yield Note(
            "group nfs_server",
            listing(servers),
            "one server is a single point of failure: while it is away uploads and downloads wait, and its disk "
            "is the only copy of the files. Use minio or a filer where that is too little.",
        )


CHECKS = (storage, share)
