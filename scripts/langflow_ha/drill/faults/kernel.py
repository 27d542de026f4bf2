"""What needs a kernel of the node's own: delay and loss on its links, its clock, its watchdog."""

from __future__ import annotations

from langflow_ha.drill.faults.script import Fault


def _poor_link(emulation: str, *ports: int) -> str:
    """Give packets to the peers `emulation` (tc-netem); only those from or to TCP `ports`, when there are any.

    The fourth band has no other traffic: clients and SSH are not peers and keep their speed.
    """
    ways = [f"match ip {side} {port} 0xffff" for port in ports for side in ("sport", "dport")]
    matches = "\n".join(
        f'  tc filter add dev "$device" parent 1: protocol ip u32 match ip dst "$peer" {way} flowid 1:4'
        for way in ways or [""]
    )
    return f"""\
peers=$(echo "$PEERS4" | tr -d ,)
device=$(ip -o route get ${{peers%% *}} | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')
tc qdisc show dev "$device" root | grep -q ' 0: ' || {{ echo "$device shapes its traffic already" >&2; exit 1; }}
echo "$device" > $DIRECTORY/device
tc qdisc add dev "$device" root handle 1: prio bands 4
tc qdisc add dev "$device" parent 1:4 netem {emulation}
for peer in $peers; do
{matches}
done"""


_GOOD_LINK = """\
test ! -e $DIRECTORY/device || tc qdisc del dev "$(cat $DIRECTORY/device)" root 2>/dev/null
rm -f $DIRECTORY/device"""


def _clock(seconds: int) -> str:
    """Set the clock `seconds` ahead (behind, when negative), and keep what it was against the uptime.

    Whoever keeps the clock right is stopped: the drill is about the time until that would act.
    """
    return f"""\
echo "$(date +%s.%N) $(cut -d' ' -f1 /proc/uptime)" > $DIRECTORY/clock
for unit in chrony systemd-timesyncd ntpsec; do
  systemctl is-active -q $unit || continue
  echo $unit >> $DIRECTORY/clock.units
  systemctl stop $unit
done
date -s "@$(awk '{{ printf "%.3f", $1 + {seconds} }}' $DIRECTORY/clock)" >/dev/null"""


_CLOCK_RIGHT = """\
if test -e $DIRECTORY/clock; then
  read before began < $DIRECTORY/clock
  date -s "@$(awk -v before="$before" -v began="$began" '{ printf "%.3f", before + $1 - began }' /proc/uptime)" >/dev/null
  for unit in $(cat $DIRECTORY/clock.units 2>/dev/null); do systemctl start $unit; done
  rm -f $DIRECTORY/clock $DIRECTORY/clock.units
fi"""

FAULTS: tuple[Fault, ...] = (
    Fault("links_poor", _poor_link("delay 100ms loss 10%"), _GOOD_LINK, needs_second=True),
    Fault(
        "etcd_slow", _poor_link("delay 200ms loss 5%", 2379, 2380), _GOOD_LINK, needs_second=True
    ),
    Fault("clock_ahead", _clock(60), _CLOCK_RIGHT),
    Fault("clock_behind", _clock(-60), _CLOCK_RIGHT),
)
