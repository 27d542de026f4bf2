"""Making backups. Every timer runs on every database node; only the primary's goes on from here."""

from __future__ import annotations

import shutil

from langflow_ha.keeper.model import KeeperError, Kind
from langflow_ha.keeper.postgres import Server, live
from langflow_ha.keeper.repository import backups
from langflow_ha.keeper.sources import Files, export_flows
from langflow_ha.keeper.stock import Stock

DATABASE_TYPES = ("full", "diff", "incr")
FLOOR = 64 * 2**20
"""Bytes: with less than a few WAL segments' worth no backup of any kind is begun."""
JOBS = (*DATABASE_TYPES, Kind.FILES, Kind.FLOWS, Kind.CONFIG)


def make(stock: Stock, job: str) -> str:
    """Make one backup on the primary and say what was made; raises KeeperError when it failed."""
    _room(stock, job)
    if job in DATABASE_TYPES:
        return _database(stock, job)
    kind = Kind(job)
    config = stock.config
    if kind is Kind.FILES:
        files = Files(config, stock.run)
        files.gather()
        directory, told = files.directory, "files"
    elif kind is Kind.FLOWS:
        directory = config.work / "flows"
        server = live(config.database, stock.run)
        told = f"{export_flows(server, config.database.application, directory)} flows"
    else:
        directory, told = config.work / "config", "the configuration"
        if not directory.is_dir():
            raise KeeperError(f"{directory} is not there: run site.yml, which puts it there")
    stock.snapshots.save(kind, directory)
    return f"saved {told}"


def _database(stock: Stock, type_: str) -> str:
    config = stock.config
    server = live(config.database, stock.run)
    notes = {"langflow-version": config.langflow_version}
    if schema := _schema(server, config.database.application):
        notes["langflow-schema"] = schema
    stock.repository.demand(
        f"making a {type_} backup",
        "backup",
        f"--type={type_}",
        *(f"--annotation={name}={value}" for name, value in notes.items()),
    )
    newest = backups(stock.repository.info())[-1]
    return (
        f"made {newest.type} backup {newest.label} in {newest.seconds:.0f} s: "
        f"{newest.size / 2**20:.1f} MiB, {newest.stored / 2**20:.1f} MiB in the target"
    )


def _schema(server: Server, database: str) -> str:
    """Return the revision of LangFlow's schema, "" before its first start."""
    there = server.lines("SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL", database)
    return (
        "".join(server.lines("SELECT version_num FROM alembic_version", database)) if there else ""
    )


def _room(stock: Stock, job: str) -> None:
    """Refuse a backup for which a target directory has visibly no room; an object store cannot be asked.

    What pgBackRest says once it has none ("unable to write …: No such file or directory") helps nobody.
    """
    directory = stock.config.target_directory
    if not directory:
        return
    free = shutil.disk_usage(directory).free
    full = [b.stored for b in backups(stock.repository.info()) if b.type == job == "full"]
    needed = max([*full[-1:], FLOOR])
    if free < needed:
        raise KeeperError(
            f"the target is full: {directory} has {free / 2**20:.0f} MiB free, this backup needs "
            f"{needed / 2**20:.0f} MiB or more. Free space there, or keep fewer backups (backup_retention_full, "
            "backup_retention_days); earlier backups are intact"
        )
