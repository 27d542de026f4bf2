"""`python -m langflow_ha.runs`: the daemon's entry point."""

import sys

from langflow_ha.runs.cli import main

if __name__ == "__main__":
    sys.exit(main())
