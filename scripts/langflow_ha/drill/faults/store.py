"""S: the object store."""

from __future__ import annotations

from langflow_ha.drill.faults.common import lost
from langflow_ha.drill.faults.script import Fault
from langflow_ha.drill.heavy import LARGE_PREFIX

# The unit may write to the drives and nowhere else. A small object would lie inside xl.meta; the file
# of the clients' class `large` has a part of its own on each drive. Behind the 32 bytes of its first
# checksum, the byte is one of the object's or of its parity.
_BIT_ROT = f"""\
drives=$(systemctl show --property=ReadWritePaths --value minio.service)
read -r _ part within < <(find $drives -path '*/{LARGE_PREFIX}*/part.1' -printf '%T@ %p %P\\n' | sort -n | tail -n 1) || true
test -n "$part" || {{ echo "no part of the clients' large file on this node" >&2; exit 1; }}
cp "$part" $DIRECTORY/bit_rot.part
echo "$part $within" > $DIRECTORY/bit_rot.path
byte=$(od -An -tu1 -j4096 -N1 "$part")
printf "\\\\x$(printf %02x $((byte ^ 255)))" | dd of="$part" bs=1 seek=4096 conv=notrunc status=none"""
# The weekly scrub, of this one object: reads alone mend nothing. A file that was deleted needs no healing.
_HEALED = """\
if test -e $DIRECTORY/bit_rot.path; then
  read -r part within < $DIRECTORY/bit_rot.path
  right() { test ! -e "$part" || cmp -s "$part" $DIRECTORY/bit_rot.part; }
  object=${within#*/}
  langflow-ha-store-scrub "${object%/*/*}" || true
  if ! right; then
    cp $DIRECTORY/bit_rot.part "$part"
    trouble="the scrub did not heal the damaged part, which has been put back"
  fi
  rm -f $DIRECTORY/bit_rot.part $DIRECTORY/bit_rot.path
fi"""
# What a new disk in the place of a broken one looks like: the directory, and nothing in it. MinIO may be
# writing there, so what came meanwhile is taken at a second go.
_EMPTIED = """\
drives=$(systemctl show --property=ReadWritePaths --value minio.service)
drive=${drives##* }
test -e "$drive/.minio.sys/format.json" || { echo "$drive is no drive of MinIO's" >&2; exit 1; }
echo "$drive" > $DIRECTORY/drive_emptied.path
find "$drive" -mindepth 1 -delete 2>/dev/null || find "$drive" -mindepth 1 -delete 2>/dev/null || true"""
# MinIO formats an empty drive and fills it from the others. What clients stored in the last minute may still be on its way.
_FILLED = """\
if drive=$(cat $DIRECTORY/drive_emptied.path 2>/dev/null); then
  drives=$(systemctl show --property=ReadWritePaths --value minio.service)
  other=${drives%% *}
  absent() { find "$other" -name xl.meta -not -path '*/.minio.sys/*' -mmin +1 -printf '%P\\n' |
    while read -r object; do test -e "$drive/$object" || test ! -e "$other/$object" || echo "$object"; done | wc -l; }
  for attempt in $(seq 120); do
    test -e "$drive/.minio.sys/format.json" && left=$(absent) && test "$left" = 0 && break
    sleep 2
  done
  if test "${left:-}" != 0; then
    trouble="the empty drive was not filled again within four minutes; objects without a part on it: ${left:-all}"
  fi
  rm -f $DIRECTORY/drive_emptied.path
fi"""

FAULTS: tuple[Fault, ...] = (
    lost("minio"),
    Fault("drive_emptied", _EMPTIED, _FILLED, undo_s=270),
    Fault("bit_rot", _BIT_ROT, _HEALED, undo_s=90),
)
