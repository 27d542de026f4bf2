"""States that a drill brings its targets into before the load starts; nothing is broken by them.

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

PREPARATIONS = {"etcd_leader_here": _ETCD_LEADER_HERE}
