"""Whole nodes: their power, their network, their standing still, and none of it."""

from __future__ import annotations

from langflow_ha.drill.faults.common import NO_TABLE
from langflow_ha.drill.faults.script import TABLE, Fault


def _cut(*ways: str) -> str:
    """Drop what comes from the peers (`input`), goes to them (`output`), or both.

    Established connections too; clients and SSH are not peers and pass.
    """
    side = {"input": "saddr", "output": "daddr"}
    chains = "".join(
        f"""\
  chain {way} {{
    type filter hook {way} priority -200;
    ip {side[way]} {{ $PEERS4 }} drop
    $(six {side[way]})
  }}
"""
        for way in ways
    )
    return f"""\
six() {{ test -z "$PEERS6" || echo "ip6 $1 {{ $PEERS6 }} drop"; }}
nft -f - <<RULES
table inet {TABLE} {{
{chains}}}
RULES"""


# The peer whose loss the database feels most: the standby that it waits for. TCP alone, because with
# VRRP cut between two of three nodes both of them may own the VIP, which is another fault.
_LINK_CUT = f"""\
peer=$(runuser -u postgres -- psql -XAtd postgres -c \\
  "select host(client_addr) from pg_stat_replication where sync_state in ('sync', 'quorum') limit 1" </dev/null)
test -n "$peer" || {{ echo "no synchronous standby is connected" >&2; exit 1; }}
case $peer in *:*) family=ip6 ;; *) family=ip ;; esac
nft -f - <<RULES
table inet {TABLE} {{
  chain input {{
    type filter hook input priority -200;
    $family saddr $peer meta l4proto tcp drop
  }}
  chain output {{
    type filter hook output priority -200;
    $family daddr $peer meta l4proto tcp drop
  }}
}}
RULES"""  # noqa: S608 - a query without a parameter

# What a virtual machine that stands still looks like from outside: no packet to or from its peers,
# and nobody answers for the VIP, not even to ARP, which the kernel would do for frozen processes.
# systemd stays awake for the timer, and SSH for the controller.
_SILENT = f"""\
six() {{ test -z "$PEERS6" || echo "ip6 $1 {{ $PEERS6 }} drop"; }}
vip6() {{
  test -z "$VIPS6" || echo "ip6 $1 {{ $VIPS6 }} drop"
  test -z "$VIPS6" || test $1 = saddr || echo "icmpv6 type nd-neighbor-solicit drop"
}}
nft -f - <<RULES
table inet {TABLE} {{
  chain input {{
    type filter hook input priority -200;
    ip saddr {{ $PEERS4 }} drop
    ip daddr {{ $VIPS4 }} drop
    $(six saddr)
    $(vip6 daddr)
  }}
  chain output {{
    type filter hook output priority -200;
    ip daddr {{ $PEERS4 }} drop
    ip saddr {{ $VIPS4 }} drop
    $(six daddr)
    $(vip6 saddr)
  }}
}}
table arp {TABLE} {{
  chain input {{
    type filter hook input priority -200;
    arp operation request arp daddr ip {{ $VIPS4 }} drop
  }}
}}
RULES"""
# The drill's own watchers of this node: they come over SSH and would go on.
_WATCHERS = """-f 'python3 -u - [{]"vips"'"""
# SIGSTOP to every process of every running service. Not `systemctl freeze` nor the freezer: systemd
# drives it on cgroup v2 alone, while signals reach the processes of a unit under v1 too.
# A service's watchdog is systemd's, which does not sleep: it would kill what stands still.
_FROZEN = f"""\
units=$(systemctl list-units --type=service --state=running --plain --no-legend | awk \\
  '$1 !~ /^(ssh|dbus|systemd-|user@|langflow-ha-drill)/ {{ print $1 }}')
systemctl service-watchdogs no
{_SILENT}
systemctl kill --signal=STOP $units
pkill -STOP {_WATCHERS} || true"""
_THAWED = f"""\
pkill -CONT {_WATCHERS}
systemctl kill --signal=CONT '*.service' 2>/dev/null
nft delete table arp {TABLE} 2>/dev/null
{NO_TABLE}
sleep 1
systemctl service-watchdogs yes"""

FAULTS: tuple[Fault, ...] = (
    Fault("none", "true", "true"),
    Fault("power", power=True),
    Fault("cut_off", _cut("input", "output"), NO_TABLE, needs_second=True),
    Fault("deaf", _cut("input"), NO_TABLE, needs_second=True),
    Fault("mute", _cut("output"), NO_TABLE, needs_second=True),
    Fault("link_cut", _LINK_CUT, NO_TABLE, needs_second=True),
    Fault("host_frozen", _FROZEN, _THAWED, needs_second=True),
)
