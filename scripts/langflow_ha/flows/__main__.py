"""`python3 -m langflow_ha.flows`: what the role `flows` calls on a node."""

import sys

from langflow_ha.flows.cli import main

if __name__ == "__main__":
    sys.exit(main())
