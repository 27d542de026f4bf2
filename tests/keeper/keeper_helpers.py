"""A runner that answers from a script, and a configuration in a temporary directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langflow_ha.keeper.config import Config, parse
from langflow_ha.keeper.shell import Done

STORE = {
    "endpoint": "https://localhost:9010",
    "region": "us-east-1",
    "bucket": "langflow-backup",
    "access_key": "AKIA",
    "secret_key": "s3cret",
    "ca_file": "/ca.crt",
}


def raw(work: Path, **changes: Any) -> dict[str, Any]:
    """Return a configuration as JSON would hold it."""
    return {
        "site": "blue",
        "langflow_version": "1.13.0",
        "database": {
            "stanza": "blue",
            "version": "17",
            "data_directory": str(work / "data"),
            "bin_directory": "/usr/lib/postgresql/17/bin",
            "socket_directory": "/var/run/postgresql",
            "port": 5432,
            "application": "langflow",
            "patroni_url": "https://198.18.50.11:8008",
            "ca_file": "/ca.crt",
            "certificate": "/node.crt",
            "key": "/node.key",
        },
        "target_store": dict(STORE),
        "target_directory": "",
        "passphrase_file": "/etc/langflow-ha/backup.passphrase",
        "files_store": {**STORE, "bucket": "langflow"},
        "files_directory": "",
        "work_directory": str(work),
        "retention": {"days": 14, "weeks": 8, "months": 12},
        "ages": [{"kind": "database", "hours": 30}, {"kind": "flows", "hours": 3}],
        "textfile_directory": str(work),
        "scratch_port": 5499,
    } | changes


def configured(work: Path, **changes: Any) -> Config:
    return parse(raw(work, **changes))


@dataclass
class FakeRun:
    """Answers by the first scripted word that a command has; keeps what was asked."""

    answers: dict[str, Done] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)

    def __call__(
        self,
        argv: Sequence[str],
        *,
        user: str = "",
        environment: Mapping[str, str] | None = None,
        stdin: str = "",
        group_of: str = "",
    ) -> Done:
        self.asked.append(list(argv))
        self.environments.append(environment or {})
        for word, answer in self.answers.items():
            if word in argv:
                return answer
        return Done(0, "", "")
