"""D: PostgreSQL, Patroni and etcd."""

from __future__ import annotations

from langflow_ha.drill.faults.common import NO_TABLE, OWN_DISK, lost
from langflow_ha.drill.faults.script import DATABASE_DISK, FILLER, TABLE, Fault

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

_PATRONICTL = "patronictl -c /etc/patroni/patronictl.yaml"
_IS_PAUSED = f"{_PATRONICTL} show-config | grep -q '^pause: true'"
# Every spare does it, in case one of them is lost too; a second pause or resume is refused, so the
# configuration in etcd tells how it ended.
_PAUSED = Fault(
    "patroni_paused",
    f"{_PATRONICTL} pause --wait </dev/null >/dev/null 2>&1 || true; {_IS_PAUSED}",
    f"{_PATRONICTL} resume </dev/null >/dev/null 2>&1\n"
    f"if {_IS_PAUSED}; then echo 'still paused' >&2; exit 1; fi",
    inject_s=60,
    undo_s=60,
)

# Whatever was asked before, this fills nothing but a disk of its own. To the last block, the ones kept for root too: PostgreSQL never gets those. Space that fallocate takes is not written to,
# so this is quick whatever the size. PostgreSQL writes on as long as it finds room in its files; a checkpoint needs a new one
# (CheckPointReplicationOrigin panics without it) and would come within checkpoint_timeout, 5 min.
_DISK_FULL = f"""\
{OWN_DISK}
touch {FILLER}
size=0
step=$(($(stat -f -c '%f * %S' {DATABASE_DISK}) / 4096))
while test $step -gt 0; do
  if fallocate -o $((size * 4096)) -l $((step * 4096)) {FILLER} 2>/dev/null; then size=$((size + step)); else step=$((step / 2)); fi
done
free=$(stat -f -c %a {DATABASE_DISK})
test $free -le 16 || {{ echo "$free blocks are still free" >&2; exit 1; }}
timeout 15 runuser -u postgres -- psql -XAtqc checkpoint postgres </dev/null >/dev/null 2>&1 || true"""

FAULTS: tuple[Fault, ...] = (
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
    Fault("etcd_cut", _ETCD_CUT, NO_TABLE),
    # As root, with the certificates and the password of its own configuration, like the kit's restarts.
    Fault(
        "switchover",
        "patronictl -c /etc/patroni/patronictl.yaml switchover --force >/dev/null",
        "true",
        inject_s=60,
    ),
    Fault(
        "disk_full",
        _DISK_FULL,
        f"rm -f {FILLER}; systemctl start --no-block patroni.service",
        inject_s=60,
    ),
    lost("etcd"),
    # PostgreSQL with it: a signal to the unit reaches all of its processes.
    lost("patroni"),
    Fault(
        "power_while_paused",
        power=True,
        first=_PAUSED,
        first_group="postgresql",
        first_on_targets=False,
    ),
)
