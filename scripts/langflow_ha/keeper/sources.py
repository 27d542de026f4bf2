"""What is saved besides the database: LangFlow's files and its flows, both gathered into a directory."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langflow_ha.keeper.config import Config, ObjectStore
from langflow_ha.keeper.model import KeeperError
from langflow_ha.keeper.postgres import Server
from langflow_ha.keeper.shell import Run
from langflow_ha.node.files import write_atomically

FLOWS = """
SELECT to_jsonb(f) || jsonb_build_object('project', p.name, 'user', u.username)
FROM flow f JOIN "user" u ON u.id = f.user_id LEFT JOIN folder p ON p.id = f.folder_id ORDER BY f.id;
"""
VOLATILE = ("updated_at", "version_token", "last_modified_by")
"""Columns that change although the flow does not; they would spoil comparisons."""


def rclone_environment(store: ObjectStore) -> dict[str, str]:
    """Return rclone's settings for a remote called `store`; nothing of it is on a command line."""
    prefix = "RCLONE_CONFIG_STORE_"
    values = {
        f"{prefix}TYPE": "s3",
        f"{prefix}PROVIDER": "Other",
        f"{prefix}ENDPOINT": store.endpoint,
        f"{prefix}REGION": store.region,
        f"{prefix}ACCESS_KEY_ID": store.access_key,
        f"{prefix}SECRET_ACCESS_KEY": store.secret_key,
        f"{prefix}FORCE_PATH_STYLE": "true",
        f"{prefix}NO_CHECK_BUCKET": "true",
        "RCLONE_CONFIG": "/dev/null",
        # One listing instead of one request for each object.
        "RCLONE_USE_SERVER_MODTIME": "true",
        "RCLONE_FAST_LIST": "true",
    }
    if store.ca_file:
        values["RCLONE_CA_CERT"] = store.ca_file
    return values


class Files:
    """LangFlow's uploaded files, in a bucket or in a directory."""

    def __init__(self, config: Config, run: Run) -> None:
        self.config = config
        self._run = run

    @property
    def directory(self) -> Path:
        """What the snapshot is taken of: the directory itself, or the bucket's copy on this node."""
        if self.config.files_store:
            return self.config.work / "files"
        return Path(self.config.files_directory)

    def _rclone(self, doing: str, *arguments: str) -> None:
        store = self.config.files_store
        if store is None:
            return
        command = ["rclone", "--quiet", *arguments]
        done = self._run(command, environment=rclone_environment(store))
        if done.code:
            raise KeeperError(f"{doing}: {done.reason}")

    def gather(self) -> None:
        """Bring the bucket's copy up to date: only what changed is fetched."""
        store = self.config.files_store
        if store:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._rclone(
                f"copying bucket {store.bucket}",
                "sync",
                f"store:{store.bucket}",
                str(self.directory),
            )

    def put_back(self) -> None:
        """Make the bucket what its copy on this node is. A versioned bucket keeps what that replaces."""
        store = self.config.files_store
        if store:
            self._rclone(
                f"writing bucket {store.bucket}",
                *("sync", "--checksum", str(self.directory), f"store:{store.bucket}"),
            )


def slug(name: str) -> str:
    """Return a name as one plain word for a path."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:40] or "none"


def flow_path(flow: Mapping[str, Any]) -> str:
    """Return where a flow lies in the export: `<project>/<id>.json`, whatever it is called."""
    project = f"{slug(str(flow.get('project') or ''))}-{str(flow.get('folder_id') or '')[:8]}"
    return f"{project.rstrip('-')}/{flow['id']}.json"


def export_flows(server: Server, database: str, directory: Path) -> int:
    """Write every user's flows, one file each, and remove those that are gone; return their number.

    Read from the database: LangFlow's API (1.13) shows each user, the superuser too, only their own.
    """
    wanted = {}
    for line in server.lines(FLOWS, database):
        flow: dict[str, Any] = json.loads(line)
        text = json.dumps(flow, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        wanted[directory / flow_path(flow)] = text
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in [path for path in directory.rglob("*.json") if path not in wanted]:
        path.unlink()
    for path, text in wanted.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(path, text, mode=0o600)
    return len(wanted)


def find_flow(directory: Path, flow_id: str) -> dict[str, Any]:
    """Return the flow of that id in an export; raises KeeperError when it is not there."""
    for path in directory.rglob(f"{flow_id}.json"):
        flow: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return flow
    raise KeeperError(f"flow {flow_id} is not in this backup")


def write_flow(server: Server, database: str, flow: Mapping[str, Any]) -> None:
    """Put a flow into the database under its id, over the one that is there; all in one transaction."""
    columns = [
        line
        for line in server.lines(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'flow'::regclass AND attnum > 0 "
            "AND NOT attisdropped ORDER BY attnum",
            database,
        )
        if line in flow and line not in VOLATILE
    ]
    fence = "$lfha$"
    text = json.dumps({column: flow[column] for column in columns})
    if fence in text:
        raise KeeperError(f"flow {flow['id']} holds the text {fence}, which cannot be written back")
    names = ", ".join(columns)
    sets = ", ".join(f"{column} = EXCLUDED.{column}" for column in columns if column != "id")
    server.lines(
        f"INSERT INTO flow ({names}, updated_at, version_token) "  # noqa: S608 - names from the catalogue
        f"SELECT {names}, now(), gen_random_uuid() FROM jsonb_populate_record(NULL::flow, {fence}{text}{fence}) "
        f"ON CONFLICT (id) DO UPDATE SET {sets}, updated_at = now(), version_token = gen_random_uuid();",
        database,
    )
