#!/usr/bin/env python3
"""Run LangFlow's production preflight alone, without a boot.

With files on a share LangFlow's own check of the storage does not apply: it refuses every local
directory, because it cannot know that all nodes see the same one. In its place the share is tried as
LangFlow tries an object store: it is there, not on this node's own disk, and takes writes. All other
checks are LangFlow's.

Exit codes: 0 all required checks pass, 1 one fails. The report is LangFlow's own.
Runs in LangFlow's virtual environment with the service's environment (see langflow-admin).
Source: langflow/cli/preflight.py, ``run_production_preflight``.
"""

import asyncio
import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

SHARE_TIMEOUT = 15
"""Seconds, as LangFlow gives each of its own probes."""


async def probe_share(settings_service: Any) -> Any:
    """Stand in for LangFlow's ``probe_storage``, by a process that may hang with the share."""
    from langflow.cli.preflight import CheckResult  # type: ignore[import-not-found]

    directory = settings_service.settings.config_dir
    guard = Path(__file__).with_name("langflow_prestart.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", guard, "--try-share", directory, stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), SHARE_TIMEOUT)
    except TimeoutError:
        process.kill()
        return CheckResult("fail", f"{directory} does not answer", "Is the server of the share up?")
    if process.returncode:
        return CheckResult("fail", said.decode().strip(), "Run `langflow-ha check share` as root.")
    return CheckResult("ok", f"shared directory {directory} takes writes")


def main() -> int:
    """Force profile prod, run the checks, return the exit code."""
    os.environ["LANGFLOW_DEPLOYMENT_PROFILE"] = "prod"
    os.environ.pop("LANGFLOW_PREFLIGHT_COMPLETED", None)
    # The running service has the metrics port.
    os.environ["LANGFLOW_PROMETHEUS_ENABLED"] = "false"
    os.environ.pop("LANGFLOW_PROMETHEUS_PORT", None)
    from langflow.cli import preflight
    from langflow.services.deps import get_settings_service  # type: ignore[import-not-found]

    if os.environ.get("LANGFLOW_STORAGE_TYPE") == "local":
        preflight.REQUIRED_CHECKS[:] = [
            dataclasses.replace(check, probe=probe_share) if check.key == "storage" else check
            for check in preflight.REQUIRED_CHECKS
        ]
    return 0 if preflight.run_production_preflight(get_settings_service()) else 1


if __name__ == "__main__":
    sys.exit(main())
