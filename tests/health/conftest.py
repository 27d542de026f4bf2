"""Lets the tests import their helpers and the package without an installation."""

import sys
from pathlib import Path

from hypothesis import settings

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "scripts")]

# No deadline: how long an example takes says how busy the machine is.
settings.register_profile("health", deadline=None)
settings.load_profile("health")
