"""What several faults are made of."""

from __future__ import annotations

from langflow_ha.drill.faults.script import DATABASE_DISK, TABLE, Fault

NO_TABLE = f"nft delete table inet {TABLE} 2>/dev/null || true"

# Never the disk of somebody else: its own file system, the whole of it (no directory of a larger one), mounted nowhere else.
OWN_DISK = f"""\
set -eu
refuse() {{ echo "$1, and what else is there must not run out of space" >&2; exit 1; }}
mountpoint -q {DATABASE_DISK} || refuse "{DATABASE_DISK} is no disk of its own"
read -r device root type <<< "$(findmnt --noheadings --raw --output MAJ:MIN,FSROOT,FSTYPE --mountpoint {DATABASE_DISK})"
test "$root" = / || refuse "{DATABASE_DISK} is $root of a larger file system"
mounts=$(findmnt --noheadings --raw --output MAJ:MIN | grep -c -x -F "$device" || true)
test "$mounts" = 1 || refuse "the disk of {DATABASE_DISK} is mounted in $mounts places"
case $type in ext4|xfs) ;; *) refuse "{DATABASE_DISK} is $type, and may share its space" ;; esac
data=$(sed -n 's/^ *data_dir: //p' /etc/patroni/config.yml)
test "$(stat -c %d "$data")" = "$(stat -c %d {DATABASE_DISK})" || refuse "the databases ($data) are not on it"
"""


def killed(unit: str) -> Fault:
    """Kill every process of a unit at once, children and keepers included."""
    return Fault(
        f"{unit}_killed",
        f"systemctl kill --signal=KILL {unit}.service",
        f"systemctl reset-failed {unit}.service; systemctl start --no-block {unit}.service",
    )


def frozen(unit: str) -> Fault:
    """Stop every process of a unit: its sockets stay open and the kernel still accepts for it."""
    return Fault(
        f"{unit}_frozen",
        f"systemctl kill --signal=STOP {unit}.service",
        f"systemctl kill --signal=CONT {unit}.service; systemctl start --no-block {unit}.service",
    )


def lost(unit: str) -> Fault:
    """Kill every process of a unit and keep it from coming back, until the undo."""
    return Fault(
        f"{unit}_lost",
        f"systemctl kill --signal=KILL {unit}.service; systemctl stop {unit}.service",
        f"systemctl reset-failed {unit}.service; systemctl start --no-block {unit}.service",
    )
