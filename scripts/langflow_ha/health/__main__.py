"""`python3 -m langflow_ha.health`: the node-side command."""

import sys

from langflow_ha.health.cli import main

if __name__ == "__main__":
    sys.exit(main())
