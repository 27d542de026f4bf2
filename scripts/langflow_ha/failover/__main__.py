"""`python3 -m langflow_ha.failover`: the daemon's entry point."""

import sys

from langflow_ha.failover.cli import main

if __name__ == "__main__":
    sys.exit(main())
