"""`python -m langflow_ha.exporter`: the daemon's entry point."""

import sys

from langflow_ha.exporter.cli import main

if __name__ == "__main__":
    sys.exit(main())
