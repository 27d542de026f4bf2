"""A: LangFlow's processes, and its way to the database."""

from __future__ import annotations

from langflow_ha.drill.faults.common import NO_TABLE, frozen, killed, lost
from langflow_ha.drill.faults.script import TABLE, Fault

# Patroni's and PostgreSQL's own traffic is user postgres's and goes on: only what this node's
# clients send to a database is lost without a trace, so connections hang instead of failing.
_DATABASE_CUT = f"""\
owner=$(id -u postgres 2>/dev/null || echo 4294967294)
nft -f - <<RULES
table inet {TABLE} {{
  chain output {{
    type filter hook output priority -200;
    ip daddr 127.0.0.0/8 accept
    tcp dport 5432 meta skuid != $owner drop
  }}
}}
RULES"""

_DRAIN = "/usr/local/libexec/langflow-ha-haproxy"
# What the kit's own restart play does: no new requests, what is in flight ends, a restart, and back.
_DRAINED = Fault(
    "langflow_drained",
    f"for name in $TARGETS; do {_DRAIN} drain $name 15 >/dev/null; done",
    f"for name in $TARGETS; do {_DRAIN} undrain $name >/dev/null; done",
    inject_s=40,
)
# The unit is active only when LangFlow is ready (ExecStartPost).
_UNTIL_READY = (
    "for attempt in $(seq 120); do systemctl is-active -q langflow.service && break; sleep 2; done"
)

FAULTS: tuple[Fault, ...] = (
    killed("langflow"),
    frozen("langflow"),
    lost("langflow"),
    Fault("database_cut", _DATABASE_CUT, NO_TABLE),
    Fault(
        "langflow_restarted",
        "systemctl restart --no-block langflow.service",
        _UNTIL_READY,
        first=_DRAINED,
        undo_s=260,
    ),
)
