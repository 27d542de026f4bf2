"""Where Prometheus' own checkers are. A test without them fails: what was not checked has not passed."""

from __future__ import annotations

import shutil

from langflow_ha import ROOT

_UNPACKED = ROOT / ".cache/prometheus/usr/bin"


def _found(program: str) -> str:
    if here := shutil.which(program):
        return here
    # The path that `make setup` makes; run where it is missing, it says so.
    return str(_UNPACKED / program)


PROMTOOL = _found("promtool")
AMTOOL = _found("amtool")
