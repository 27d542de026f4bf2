"""`python3 -m langflow_ha.keeper`: the node-side command `langflow-ha-backup`."""

import sys

from langflow_ha.keeper.cli import main

if __name__ == "__main__":
    sys.exit(main())
