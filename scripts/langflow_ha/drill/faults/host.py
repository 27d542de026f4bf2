"""Whole nodes: their power, their network, and none of it."""

from __future__ import annotations

from langflow_ha.drill.faults.common import NO_TABLE, lost
from langflow_ha.drill.faults.script import TABLE, Fault

# Both directions, established connections too; clients and SSH are not peers and pass.
_CUT_OFF = f"""\
six() {{ test -z "$PEERS6" || echo "ip6 $1 {{ $PEERS6 }} drop"; }}
nft -f - <<RULES
table inet {TABLE} {{
  chain input {{
    type filter hook input priority -200;
    ip saddr {{ $PEERS4 }} drop
    $(six saddr)
  }}
  chain output {{
    type filter hook output priority -200;
    ip daddr {{ $PEERS4 }} drop
    $(six daddr)
  }}
}}
RULES"""

FAULTS: tuple[Fault, ...] = (
    Fault("none", "true", "true"),
    Fault("power", power=True),
    Fault("cut_off", _CUT_OFF, NO_TABLE, needs_second=True),
    lost("minio"),
)
