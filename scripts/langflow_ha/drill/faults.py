"""The faults: what breaks on the node, and what mends it again. Shell text, run as root by bash.

Every fault on a live node is armed with its own undo first: a transient systemd timer on that
node runs the mend even if the controller dies in the meantime (the dead-man switch). The shell
text may use `$PEERS4` and `$PEERS6`, the other nodes' addresses, separated by commas, and
`$TARGETS`, the names of the drill's targets, separated by spaces.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

UNIT = "langflow-ha-drill-undo"
DIRECTORY = "/run/langflow-ha-drill"
TABLE = "langflow_ha_drill"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break a node."""

    id: str
    inject: str = ""
    undo: str = ""
    power: bool = False
    """Take the node's power instead of running `inject`."""
    needs_second: bool = False
    """`$PEERS4` must not be empty."""
    first: Fault | None = None
    """What is done on every balancer before `inject`, and undone after `undo`."""
    inject_s: float = 20.0
    """How long `inject` may take."""
    undo_s: float = 30.0
    """How long `undo` may take."""


def _killed(unit: str) -> Fault:
    """Kill every process of a unit at once, children and keepers included."""
    return Fault(
        f"{unit}_killed",
        f"systemctl kill --signal=KILL {unit}.service",
        f"systemctl reset-failed {unit}.service; systemctl start --no-block {unit}.service",
    )


def _frozen(unit: str) -> Fault:
    """Stop every process of a unit: its sockets stay open and the kernel still accepts for it."""
    return Fault(
        f"{unit}_frozen",
        f"systemctl kill --signal=STOP {unit}.service",
        f"systemctl kill --signal=CONT {unit}.service; systemctl start --no-block {unit}.service",
    )


def _lost(unit: str) -> Fault:
    """Kill every process of a unit and keep it from coming back, until the undo."""
    return Fault(
        f"{unit}_lost",
        f"systemctl kill --signal=KILL {unit}.service; systemctl stop {unit}.service",
        f"systemctl reset-failed {unit}.service; systemctl start --no-block {unit}.service",
    )


# Debian 12 has Redis under its own name, newer ones have Valkey. The name is that of the unit
# and of the process.
_VALKEY = "valkey-server valkey redis-server"


def _each_valkey(command: str) -> str:
    return (
        f"for unit in {_VALKEY}; do"
        f" systemctl is-enabled -q $unit.service 2>/dev/null && {command}; done; true"
    )


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

# Patroni runs as user postgres and etcd as its own: this node's Patroni loses every member, the local
# one too, while etcd, PostgreSQL, its replication and its clients notice nothing.
_ETCD_CUT = f"""\
owner=$(id -u postgres)
nft -f - <<RULES
table inet {TABLE} {{
  chain output {{
    type filter hook output priority -200;
    meta skuid $owner tcp dport {{ 2379, 2380 }} drop
  }}
}}
RULES"""

_VRRP_CUT = f"""\
nft -f - <<RULES
table inet {TABLE} {{
  chain input {{
    type filter hook input priority -200;
    meta l4proto 112 drop
  }}
  chain output {{
    type filter hook output priority -200;
    meta l4proto 112 drop
  }}
}}
RULES"""

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

_NO_TABLE = f"nft delete table inet {TABLE} 2>/dev/null || true"

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

FAULTS: dict[str, Fault] = {
    fault.id: fault
    for fault in (
        Fault("none", "true", "true"),
        Fault("power", power=True),
        _killed("haproxy"),
        _frozen("haproxy"),
        _killed("keepalived"),
        _killed("langflow"),
        _frozen("langflow"),
        Fault("database_cut", _DATABASE_CUT, _NO_TABLE),
        # The postmaster is the oldest process of that name; its children die of its death.
        Fault(
            "postgres_killed",
            "kill -KILL $(pgrep -o -u postgres -x postgres)",
            "systemctl start --no-block patroni.service",
        ),
        # Its children stay: the unit has KillMode=process.
        Fault(
            "patroni_killed",
            "systemctl kill --kill-who=main --signal=KILL patroni.service",
            "systemctl start --no-block patroni.service",
        ),
        Fault(
            "patroni_frozen",
            "systemctl kill --kill-who=main --signal=STOP patroni.service",
            "systemctl kill --kill-who=main --signal=CONT patroni.service;"
            " systemctl start --no-block patroni.service",
        ),
        Fault(
            "postgres_frozen",
            "pkill -STOP -u postgres -x postgres",
            "pkill -CONT -u postgres -x postgres; systemctl start --no-block patroni.service",
        ),
        Fault("etcd_cut", _ETCD_CUT, _NO_TABLE),
        # As root, with the certificates and the password of its own configuration, like the kit's restarts.
        Fault(
            "switchover",
            "patronictl -c /etc/patroni/patronictl.yaml switchover --force >/dev/null",
            "true",
            inject_s=60,
        ),
        _lost("etcd"),
        _lost("minio"),
        _lost("langflow"),
        Fault(
            "langflow_restarted",
            "systemctl restart --no-block langflow.service",
            _UNTIL_READY,
            first=_DRAINED,
            undo_s=260,
        ),
        Fault(
            "haproxy_reloaded",
            "for attempt in 1 2 3 4 5; do systemctl reload haproxy.service; sleep 1; done",
            "true",
        ),
        # A clean end: it says goodbye to its peers. The unit starts it again.
        Fault(
            "keepalived_ended",
            "systemctl kill --kill-who=main --signal=TERM keepalived.service",
            "systemctl start --no-block keepalived.service",
        ),
        Fault("vrrp_cut", _VRRP_CUT, _NO_TABLE, needs_second=True),
        Fault(
            "valkey_killed",
            "pkill -KILL -x 'valkey-server|redis-server'",
            _each_valkey("systemctl start --no-block $unit.service"),
        ),
        Fault(
            "valkey_frozen",
            "pkill -STOP -x 'valkey-server|redis-server'",
            "pkill -CONT -x 'valkey-server|redis-server'; "
            + _each_valkey("systemctl start --no-block $unit.service"),
        ),
        Fault(
            "valkey_lost",
            _each_valkey(
                "{ systemctl kill --signal=KILL $unit.service; systemctl stop $unit.service; }"
            ),
            _each_valkey("systemctl start --no-block $unit.service"),
        ),
        Fault("valkey_cut", _VALKEY_CUT, _NO_TABLE, needs_second=True),
        Fault("cut_off", _CUT_OFF, _NO_TABLE, needs_second=True),
    )
}


def injection_script(
    fault: Fault,
    peers4: Sequence[str],
    peers6: Sequence[str],
    undo_after_s: int,
    targets: Sequence[str] = (),
) -> str:
    """Return the script that arms the undo timer, prints the time and breaks the node.

    Nothing is broken unless the timer is armed: `set -e` ends the script before. The time printed
    (seconds since the epoch) is taken immediately before the fault.
    """
    undo = undo_file(fault, targets)
    return f"""\
set -eu
PEERS4={shlex.quote(", ".join(peers4))}
PEERS6={shlex.quote(", ".join(peers6))}
TARGETS={shlex.quote(" ".join(targets))}
mkdir -p {DIRECTORY}
cat > {DIRECTORY}/{fault.id}.sh <<'UNDO'
{undo}UNDO
systemd-run --quiet --collect --unit={UNIT}-{fault.id} --on-active={undo_after_s}s \
  --timer-property=AccuracySec=1s /bin/bash {DIRECTORY}/{fault.id}.sh
date +%s.%N
{fault.inject}
"""


def undo_file(fault: Fault, targets: Sequence[str] = ()) -> str:
    """Return the text of the undo script; running it twice does no harm."""
    names = shlex.quote(" ".join(targets))
    return f"TARGETS={names}\n{fault.undo}\nrm -f {DIRECTORY}/{fault.id}.sh\n"


def undo_script(fault: Fault, targets: Sequence[str] = ()) -> str:
    """Return the script that mends the node now and disarms the timer.

    The timer last: it must still be there when the link breaks in the middle of a long mend.
    """
    return (
        f"{undo_file(fault, targets)}systemctl stop {UNIT}-{fault.id}.timer 2>/dev/null || true\n"
    )


def active_script() -> str:
    """Return a script that prints a line for every trace of a drill that is under way on the node."""
    return f"""\
for file in {DIRECTORY}/*.sh; do test ! -e "$file" || echo "$file exists"; done
systemctl is-active -q '{UNIT}-*.timer' && echo "a timer {UNIT}-* runs"
nft list table inet {TABLE} >/dev/null 2>&1 && echo "firewall table {TABLE} is there"
true
"""
