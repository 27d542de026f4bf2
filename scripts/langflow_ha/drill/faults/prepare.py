"""States that a drill brings its targets into, or asks of them, before the load starts; nothing is broken by them.

Shell text, run as root by bash. A failure is a reason to skip the drill, so it says why on stderr.
"""

from __future__ import annotations

from langflow_ha.drill.faults.common import OWN_DISK

PREPARE_S = 240.0
"""How long a preparation may take: up to six planned switchovers."""

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

_PATRONI = """\
set -eu
test -r /etc/patroni/config.yml || { echo "no PostgreSQL on this node" >&2; exit 1; }
me=$(sed -n 's/^name: //p' /etc/patroni/config.yml)
ctl() { patronictl -c /etc/patroni/patronictl.yaml "$@" </dev/null; }
members() { ctl list --format tsv; }
role() { members | awk -F'\\t' -v me="$me" '$2 == me { print $4 }'; }
synchronous() {
  for _ in $(seq 60); do members | grep -q 'Sync Standby' && return; sleep 1; done
  echo "PostgreSQL has had no synchronous standby for 60 s" >&2
  exit 1
}
"""

# Only the synchronous standby may succeed. Another replica becomes that when the old primary restarts
# as one: hand over, until it is this node's turn.
_PRIMARY_HERE = f"""\
{_PATRONI}
for _ in $(seq 6); do
  synchronous
  case $(role) in
    Leader) break ;;
    "Sync Standby") ctl switchover --candidate "$me" --force >/dev/null ;;
    *) ctl switchover --force >/dev/null ;;
  esac
done
synchronous
test "$(role)" = Leader || {{ echo "PostgreSQL's primary could not be brought here" >&2; exit 1; }}
"""

_PRIMARY_ELSEWHERE = f"""\
{_PATRONI}
synchronous
test "$(role)" != Leader || ctl switchover --force >/dev/null
synchronous
test "$(role)" != Leader || {{ echo "PostgreSQL's primary could not be brought elsewhere" >&2; exit 1; }}
"""

# Sentinel takes the replica of the lowest priority, as it last read it: it asks every 10 s.
_MASTER_HERE = """\
for name in valkey redis none; do test ! -r /etc/$name/langflow-ha-start.conf || break; done
test $name != none || { echo "no Valkey on this node" >&2; exit 1; }
REDISCLI_AUTH=$(cat /etc/langflow-ha/valkey.password)
export REDISCLI_AUTH VALKEYCLI_AUTH=$REDISCLI_AUTH
address=$(sed -n 's/^bind //p' /etc/$name/langflow-ha-start.conf)
ask() { timeout 3 $name-cli --no-auth-warning -h "$address" -p "$@" </dev/null; }
server=$(sed -n 's/^port //p' /etc/$name/langflow-ha-start.conf)
sentinel=$(sed -n 's/^port //p' /var/lib/$name/langflow-ha-sentinel.conf)
leads() { test "$(ask $server role | head -n 1)" = master; }
preferred() { ask $sentinel sentinel replicas $master | grep -A 1 -x slave-priority | grep -qx 1; }
if ! leads; then
  master=$(ask $sentinel sentinel masters | sed -n 2p)
  ask $server config set replica-priority 1 >/dev/null
  trap 'ask $server config set replica-priority 100 >/dev/null; ask $server config rewrite >/dev/null' EXIT
  for _ in $(seq 20); do preferred && break; sleep 1; done
  ask $sentinel sentinel failover $master >/dev/null
  for _ in $(seq 30); do leads && break; sleep 1; done
fi
leads || { echo "Valkey's master could not be brought here" >&2; exit 1; }
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
    "primary_here": _PRIMARY_HERE,
    "primary_elsewhere": _PRIMARY_ELSEWHERE,
    "primary_and_master_here": _PRIMARY_HERE + _MASTER_HERE,
    "netem": _NETEM,
    "own_clock": _OWN_CLOCK,
    "watchdog": _WATCHDOG,
    "own_disk": OWN_DISK,
}
