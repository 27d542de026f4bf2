"""`lfx`, LangFlow's own judge of flows, of the same version as the LangFlow that will run them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from langflow_ha.flows.model import Flow, FlowsError

LONGEST_RUN = 600


def _run(command: Sequence[str], directory: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_RUN,
            # A home that it may write to, and nothing of the caller's environment.
            env={
                "HOME": str(directory),
                "PATH": "/usr/bin:/bin",
                "NO_COLOR": "1",
                "COLUMNS": "200",
            },
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FlowsError(f"{command[0]}: {error}") from error


def validate(lfx: str, directory: Path, flows: Sequence[Flow]) -> list[str]:
    """Return what `lfx validate` calls an error: shape, unknown components, ports, required inputs.

    Secrets are left out: `lfx` looks for them in its own environment, the kit in LangFlow's variables.
    """
    paths = [flow.path for flow in flows]
    done = _run([lfx, "validate", "--format=json", "--skip-credentials", *paths], directory)
    # What components print while they are imported comes first.
    start = done.stdout.find("[\n")
    try:
        results = json.loads(done.stdout[max(start, 0) :])
    except ValueError as error:
        raise FlowsError(
            f"lfx validate failed: {(done.stderr or done.stdout).strip()[-400:]}"
        ) from error
    return [
        f"{result['path']}: {_place(issue)}{issue['message']}"
        for result in results
        for issue in result["issues"]
        if issue["severity"] == "error"
    ]


def _place(issue: dict[str, object]) -> str:
    node = issue.get("node_id") or issue.get("node_name")
    return f"node {node}: " if node else ""


def outdated(lfx: str, directory: Path, flow: Flow) -> list[str]:
    """Return what `lfx upgrade` says of components that this version replaces, or no longer has."""
    done = _run([lfx, "upgrade", flow.path], directory)
    found = [line.strip() for line in done.stdout.splitlines() if line.lstrip().startswith("[")]
    if done.returncode and not found:
        raise FlowsError(
            f"lfx upgrade {flow.path} failed: {(done.stderr or done.stdout).strip()[-400:]}"
        )
    return found
