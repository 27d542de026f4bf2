"""`python3 -m langflow_ha.page`: the daemon's entry point."""

import sys

from langflow_ha.page.cli import main

if __name__ == "__main__":
    sys.exit(main())
