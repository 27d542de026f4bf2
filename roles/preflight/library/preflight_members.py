#!/usr/bin/python
"""Ansible module: what this node holds of the cluster's state, and whom it takes for members. Reads only.

Standard library only. Judging is done on the controller, in langflow_ha.preflight.members.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import ssl
import subprocess
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule

TIMEOUT_S = 5


def assignments(file: Path) -> dict[str, str]:
    """Return the NAME=value lines of a file for systemd or a shell; a file that is not there has none."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name: " ".join(shlex.split(value)) for name, value in pairs}


def etcd(environment: Path, data: Path) -> dict[str, Any]:
    """Members by name, as long as there is a quorum to ask; one that was added and never started has no name."""
    members = None
    settings = assignments(environment)
    if settings:
        with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
            told = subprocess.run(
                ["etcdctl", "member", "list", "--write-out=json"],
                env={**os.environ, **settings},
                check=True,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
            ).stdout
            members = [member.get("name", "") for member in json.loads(told)["members"]]
    return {"data": (data / "member" / "wal").is_dir(), "members": members}


def postgresql(url: str, authority: str, data: Path) -> dict[str, Any]:
    """Members by name; Patroni forgets one that is gone within its ttl."""
    members = None
    if url:
        with contextlib.suppress(OSError, ValueError, KeyError):
            context = ssl.create_default_context(cafile=authority)
            with urllib.request.urlopen(url, timeout=TIMEOUT_S, context=context) as answer:  # noqa: S310
                members = [member["name"] for member in json.load(answer)["members"]]
    return {"data": (data / "PG_VERSION").is_file(), "members": members}


def valkey(files: list[Path]) -> dict[str, Any]:
    """Members by address, from Sentinel's own file: it needs no password and outlives the daemon."""
    words = []
    for file in files:
        with contextlib.suppress(OSError):
            words += [line.split() for line in file.read_text("utf-8").splitlines()]
    found = {
        word[3]
        for word in words
        if len(word) > 3 and word[:2] in (["sentinel", "known-replica"], ["sentinel", "monitor"])
    }
    return {"data": bool(words), "members": sorted(found) if words else None}


def minio(environment: Path) -> dict[str, Any]:
    """Members by address in the order that the drives were laid out in. One without others names no address."""
    volumes = assignments(environment).get("MINIO_VOLUMES", "").split()
    drives = [Path(urlsplit(volume).path) for volume in volumes]
    formatted = any((drive / ".minio.sys" / "format.json").is_file() for drive in drives)
    hosts = dict.fromkeys(host for volume in volumes if (host := urlsplit(volume).hostname))
    return {"data": formatted, "members": list(hosts) if formatted else None}


def main() -> None:
    """Look and report; changes nothing."""
    module = AnsibleModule(
        argument_spec={
            "authority": {"type": "path", "required": True},
            "etcd_environment": {"type": "path", "required": True},
            "etcd_data": {"type": "path", "required": True},
            "patroni_url": {"type": "str", "default": ""},
            "database_data": {"type": "path", "required": True},
            "sentinel_files": {"type": "list", "elements": "path", "required": True},
            "minio_environment": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    # A node that is not deployed yet has no authority to trust, and nobody to ask.
    installed = Path(given["authority"]).is_file()
    url = given["patroni_url"] if installed else ""
    module.exit_json(
        changed=False,
        members={
            "installed": installed,
            "etcd": etcd(Path(given["etcd_environment"]), Path(given["etcd_data"])),
            "postgresql": postgresql(url, given["authority"], Path(given["database_data"])),
            "valkey": valkey([Path(file) for file in given["sentinel_files"]]),
            "minio": minio(Path(given["minio_environment"])),
        },
    )


if __name__ == "__main__":
    main()
