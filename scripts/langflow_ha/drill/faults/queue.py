"""R: Valkey and its Sentinels."""

from __future__ import annotations

from langflow_ha.drill.faults.common import NO_TABLE
from langflow_ha.drill.faults.script import TABLE, Fault

# Debian 12 has Redis under its own name, newer ones have Valkey. The name is that of the unit
# and of the process.
_VALKEY = "valkey-server valkey redis-server"
_SENTINEL = "valkey-sentinel redis-sentinel"


def _each(units: str, command: str) -> str:
    return (
        f"for unit in {units}; do"
        f" systemctl is-enabled -q $unit.service 2>/dev/null && {command}; done; true"
    )


def _lost(id_: str, units: str, first: Fault | None = None) -> Fault:
    """Kill whichever of `units` the node has, and keep it from coming back until the undo."""
    return Fault(
        id_,
        _each(
            units, "{ systemctl kill --signal=KILL $unit.service; systemctl stop $unit.service; }"
        ),
        _each(units, "systemctl start --no-block $unit.service"),
        first=first,
        first_group="valkey",
        first_on_targets=False,
    )


# Whoever began the connection: Valkey's and Sentinel's ports are on this side or on the other.
_VALKEY_CUT = f"""\
nft -f - <<RULES
table inet {TABLE} {{
  chain input {{
    type filter hook input priority -200;
    ip saddr {{ $PEERS4 }} tcp dport {{ 6379, 26379 }} drop
    ip saddr {{ $PEERS4 }} tcp sport {{ 6379, 26379 }} drop
  }}
  chain output {{
    type filter hook output priority -200;
    ip daddr {{ $PEERS4 }} tcp dport {{ 6379, 26379 }} drop
    ip daddr {{ $PEERS4 }} tcp sport {{ 6379, 26379 }} drop
  }}
}}
RULES"""

FAULTS: tuple[Fault, ...] = (
    Fault(
        "valkey_killed",
        "pkill -KILL -x 'valkey-server|redis-server'",
        _each(_VALKEY, "systemctl start --no-block $unit.service"),
    ),
    Fault(
        "valkey_frozen",
        "pkill -STOP -x 'valkey-server|redis-server'",
        "pkill -CONT -x 'valkey-server|redis-server'; "
        + _each(_VALKEY, "systemctl start --no-block $unit.service"),
    ),
    _lost("valkey_lost", _VALKEY),
    # The master's own Sentinel stays: alone it is no majority.
    _lost("valkey_lost_unseen", _VALKEY, first=_lost("sentinel_lost", _SENTINEL)),
    Fault("valkey_cut", _VALKEY_CUT, NO_TABLE, needs_second=True),
)
