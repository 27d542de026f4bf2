#!/usr/bin/env python3
"""Run LangFlow's production preflight alone, without a boot.

Exit codes: 0 all required checks pass, 1 one fails. The report is LangFlow's own.
Runs in LangFlow's virtual environment with the service's environment (see langflow-admin).
Source: langflow/cli/preflight.py, ``run_production_preflight``.
"""

import os
import sys


def main() -> int:
    """Force profile prod, run the checks, return the exit code."""
    os.environ["LANGFLOW_DEPLOYMENT_PROFILE"] = "prod"
    os.environ.pop("LANGFLOW_PREFLIGHT_COMPLETED", None)
    # The running service has the metrics port.
    os.environ["LANGFLOW_PROMETHEUS_ENABLED"] = "false"
    os.environ.pop("LANGFLOW_PROMETHEUS_PORT", None)
    from langflow.cli.preflight import run_production_preflight  # type: ignore[import-not-found]
    from langflow.services.deps import get_settings_service  # type: ignore[import-not-found]

    return 0 if run_production_preflight(get_settings_service()) else 1


if __name__ == "__main__":
    sys.exit(main())
