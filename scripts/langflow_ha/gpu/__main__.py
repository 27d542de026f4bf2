"""`python -m langflow_ha.gpu`: the daemon's entry point."""

import sys

from langflow_ha.gpu.daemon import main

if __name__ == "__main__":
    sys.exit(main())
