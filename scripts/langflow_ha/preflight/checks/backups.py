"""Backups: a target that is complete, that exists, and that is not what it is to protect from the loss of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from langflow_ha.preflight.checks.names import shown
from langflow_ha.preflight.checks.storage import BUCKET
from langflow_ha.preflight.model import Problem, Site

NODES_OWN = ("/", "/etc", "/opt", "/root", "/run", "/tmp", "/usr", "/var/lib/postgresql")  # noqa: S108 - refused


def directory(site: Site) -> Iterator[Problem]:
    """A directory that is missing, no path, or plainly on the node's own disk."""
    if site.value("backup_target") != "directory":
        return
    value = site.value("backup_directory")
    if value is None:
        return
    path = PurePosixPath(value)
    if not value or not path.is_absolute() or ".." in path.parts:
        reason = "backup_target directory needs an absolute path"
    elif any(str(path) == own or str(path).startswith(f"{own}/") for own in NODES_OWN[1:]) or (
        str(path) == "/"
    ):
        reason = "is on the node's own disk, which is lost with the node"
    else:
        return
    yield Problem(
        "backup",
        "backup_directory",
        value,
        reason,
        "name the mount point of storage that every database node has, such as /srv/langflow-backup",
    )


def bucket(site: Site) -> Iterator[Problem]:
    """A bucket whose settings are incomplete, or that pgBackRest cannot use."""
    if site.value("backup_target") != "s3":
        return
    for name in ("backup_s3_endpoint", "backup_s3_bucket"):
        if site.value(name) == "":
            yield Problem(
                "backup", name, "", "backup_target s3 needs it", site.specs.site[name].description
            )
    endpoint, name = site.value("backup_s3_endpoint") or "", site.value("backup_s3_bucket") or ""
    if endpoint.startswith("http://"):
        yield Problem(
            "backup",
            "backup_s3_endpoint",
            endpoint,
            "pgBackRest speaks to object stores over TLS only",
            "use https://; add its authority to extra_ca_certificates if it is your own",
        )
    if name and not BUCKET.fullmatch(name):
        yield Problem(
            "backup",
            "backup_s3_bucket",
            shown("backup_s3_bucket", name),
            "is not a bucket name: 3 to 63 of a-z, 0-9, dot and hyphen",
            "use the bucket's bare name, without s3:// and path",
        )


def own_store(site: Site) -> Iterator[Problem]:
    """The cluster's own store as the target, where there is none."""
    if site.value("backup_target") == "minio" and site.value("storage_backend") != "minio":
        yield Problem(
            "backup",
            "backup_target",
            "minio",
            f"storage_backend is {site.value('storage_backend')}: the cluster has no store of its own",
            "use directory or s3",
        )


def live_store(site: Site) -> Iterator[Problem]:
    """Backups in the store that holds the files: one loss takes both."""
    if site.value("site_environment") != "production" or site.value("backup_live_store_accepted"):
        return
    fix = (
        "use a directory or another object store; or set backup_live_store_accepted to true if the store has a "
        "second copy elsewhere"
    )
    reason = "is the store of LangFlow's files too: whoever loses it loses the files and their backup at once"
    if site.value("backup_target") == "minio" and site.value("storage_backend") == "minio":
        yield Problem("backup", "backup_target", "minio", reason, fix)
    if site.value("backup_target") != "s3" or site.value("storage_backend") != "s3":
        return
    ours = urlsplit(site.value("backup_s3_endpoint") or "").netloc
    if ours and ours == urlsplit(site.value("external_s3_endpoint") or "").netloc:
        yield Problem(
            "backup", "backup_s3_endpoint", str(site.value("backup_s3_endpoint")), reason, fix
        )


CHECKS = (directory, bucket, own_store, live_store)
