"""Runs `ansible-playbook` as an operator does, with the roles of the project and an output that tests can read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from langflow_ha import ROOT

PROGRAM = Path(sys.executable).with_name("ansible-playbook")


def run_playbook(
    *arguments: str | Path, timeout: float = 600, path: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run it with these arguments, whatever its exit code.

    `timeout` is in seconds, and only there to end what hangs: the machine may be busy. `path` is a directory whose programs
    come first. `environment` is added, or replaces what is set here.
    """
    search = os.environ["PATH"]
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{path}:{search}" if path else search,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
            "ANSIBLE_NOCOLOR": "1",
            **environment,
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Everything it printed, on one line: Ansible folds long messages."""
    return " ".join((done.stdout + done.stderr).split())
