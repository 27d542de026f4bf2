"""The faults: what breaks on the node, and what mends it again. Shell text, run as root by bash.

Every fault on a live node is armed with its own undo first: a transient systemd timer on that
node runs the mend even if the controller dies in the meantime (the dead-man switch). The shell
text may use `$PEERS4` and `$PEERS6`, the other nodes' addresses, `$VIPS4` and `$VIPS6`, the virtual
ones, all separated by commas, `$TARGETS`, the names of the drill's targets, separated by spaces, and
`$DIRECTORY`, a place for what the undo needs. An undo that mended the node, but not as it should have
been, says so in `$trouble`.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

UNIT = "langflow-ha-drill-undo"
DIRECTORY = "/run/langflow-ha-drill"
TABLE = "langflow_ha_drill"
DATABASE_DISK = "/var/lib/postgresql"
FILLER = f"{DATABASE_DISK}/langflow-ha-drill.filler"
"""What fills a disk. Unlike the undo in DIRECTORY it is still there when the node has lost its power."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break a node. Its scripts come on standard input: what might read that gets /dev/null."""

    id: str
    inject: str = ""
    undo: str = ""
    power: bool = False
    """Take the node's power instead of running `inject`."""
    needs_second: bool = False
    """`$PEERS4` must not be empty."""
    first: Fault | None = None
    """What is done on other nodes before `inject` (or before the power is taken), and undone after `undo`."""
    first_group: str = "balancer"
    """The nodes on which it is done: those of this group."""
    first_on_targets: bool = True
    """Whether targets are among them."""
    inject_s: float = 20.0
    """How long `inject` may take."""
    undo_s: float = 30.0
    """How long `undo` may take."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a script on a node may want to know of the site."""

    peers4: Sequence[str] = ()
    peers6: Sequence[str] = ()
    vips4: Sequence[str] = ()
    vips6: Sequence[str] = ()
    targets: Sequence[str] = ()


def injection_script(fault: Fault, around: Around, undo_after_s: int) -> str:
    """Return the script that arms the undo timer, prints the time and breaks the node.

    Nothing is broken unless the timer is armed: `set -e` ends the script before. The time printed
    (seconds since the epoch) is taken immediately before the fault.
    """
    undo = undo_file(fault, around.targets)
    return f"""\
set -eu
PEERS4={shlex.quote(", ".join(around.peers4))}
PEERS6={shlex.quote(", ".join(around.peers6))}
VIPS4={shlex.quote(", ".join(around.vips4))}
VIPS6={shlex.quote(", ".join(around.vips6))}
TARGETS={shlex.quote(" ".join(around.targets))}
DIRECTORY={DIRECTORY}
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
    return (
        f"TARGETS={names}\nDIRECTORY={DIRECTORY}\n{fault.undo}\nrm -f {DIRECTORY}/{fault.id}.sh\n"
    )


def undo_script(fault: Fault, targets: Sequence[str] = ()) -> str:
    """Return the script that mends the node now and disarms the timer.

    The timer last: it must still be there when the link breaks in the middle of a long mend.
    """
    return f"""\
{undo_file(fault, targets)}systemctl stop {UNIT}-{fault.id}.timer 2>/dev/null || true
test -z "${{trouble:-}}" || {{ echo "$trouble" >&2; exit 1; }}
"""


def active_script() -> str:
    """Return a script that prints a line for every trace of a drill that is under way on the node."""
    return f"""\
for file in {DIRECTORY}/*.sh; do test ! -e "$file" || echo "$file exists"; done
systemctl is-active -q '{UNIT}-*.timer' && echo "a timer {UNIT}-* runs"
nft list table inet {TABLE} >/dev/null 2>&1 && echo "firewall table {TABLE} is there"
test ! -e {FILLER} || echo "{FILLER} exists"
true
"""
