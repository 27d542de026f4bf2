"""States that a drill brings its targets into, or asks of them, before the load starts; nothing is broken by them.

Shell text, run as root by bash. A failure is a reason to skip the drill, so it says why on stderr.
"""

from __future__ import annotations

# With all members as endpoints etcdctl finds the one that leads and asks it; who leads already stays.
_ETCD_LEADER_HERE = """\
set -eu
test -r /etc/etcd/etcdctl.env || { echo "no etcd member on this node" >&2; exit 1; }
set -a; . /etc/etcd/etcdctl.env; set +a
name=$(sed -n 's/^ETCD_NAME=//p' /etc/etcd/etcd.env)
id=$(etcdctl member list | awk -F', ' -v name="$name" '$3 == name { print $1 }')
test -n "$id" || { echo "etcd knows no member $name" >&2; exit 1; }
etcdctl move-leader "$id"
"""

# In a network namespace that ends with the command: nothing of the node is touched.
_NETEM = """\
try="tc qdisc add dev lo root handle 1: prio bands 4 && tc qdisc add dev lo parent 1:4 netem delay 1ms \\
  && tc filter add dev lo parent 1: protocol ip u32 match ip dst 192.0.2.1 flowid 1:4"
why=$(unshare --net sh -c "$try" 2>&1) || { echo "this kernel cannot delay packets: $why" >&2; exit 1; }
"""

# A container that may set the clock sets its host's.
_OWN_CLOCK = """\
! systemd-detect-virt --quiet --container || { echo "a container shares its host's clock" >&2; exit 1; }
date -s "@$(date +%s.%N)" >/dev/null
"""

# The primary's Patroni has it open; a standby's never does.
_WATCHDOG = """\
pid=$(systemctl show --property=MainPID --value patroni.service)
find /proc/$pid/fd -lname '/dev/watchdog*' 2>/dev/null | grep -q . \\
  || { echo "Patroni holds no watchdog device (postgresql_watchdog_mode, postgresql_watchdog_device)" >&2; exit 1; }
"""

PREPARATIONS = {
    "etcd_leader_here": _ETCD_LEADER_HERE,
    "netem": _NETEM,
    "own_clock": _OWN_CLOCK,
    "watchdog": _WATCHDOG,
}
