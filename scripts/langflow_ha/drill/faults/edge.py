"""L: HAProxy, Keepalived and the virtual IP."""

from __future__ import annotations

from langflow_ha.drill.faults.common import NO_TABLE, frozen, killed
from langflow_ha.drill.faults.script import TABLE, Fault

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

_CONFIGURATION = "/etc/haproxy/haproxy.cfg"
_MISCONFIGURED = f"""\
cp -p {_CONFIGURATION} {_CONFIGURATION}.before-drill
echo 'drill: no such keyword' >> {_CONFIGURATION}
if systemctl reload haproxy.service 2>/dev/null; then
  echo "HAProxy was told to take a broken configuration" >&2
  exit 1
fi"""
_CONFIGURED = f"""\
test ! -e {_CONFIGURATION}.before-drill || mv -f {_CONFIGURATION}.before-drill {_CONFIGURATION}
systemctl reload-or-restart haproxy.service"""

FAULTS: tuple[Fault, ...] = (
    killed("haproxy"),
    frozen("haproxy"),
    killed("keepalived"),
    Fault(
        "haproxy_reloaded",
        "for attempt in 1 2 3 4 5; do systemctl reload haproxy.service; sleep 1; done",
        "true",
    ),
    Fault("haproxy_misconfigured", _MISCONFIGURED, _CONFIGURED),
    # A clean end: it says goodbye to its peers. The unit starts it again.
    Fault(
        "keepalived_ended",
        "systemctl kill --kill-who=main --signal=TERM keepalived.service",
        "systemctl start --no-block keepalived.service",
    ),
    Fault("vrrp_cut", _VRRP_CUT, NO_TABLE, needs_second=True),
)
