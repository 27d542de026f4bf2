"""`python -m langflow_ha.ship`: the daemon's entry point."""

import sys

from langflow_ha.ship.cli import main

if __name__ == "__main__":
    sys.exit(main())
