"""The plain recipe: what the usual tutorials on Keepalived and HAProxy tell one to write. Pure text.

It is set up fairly: the distribution's own units and defaults, a check that does speak HTTP to the
local HAProxy, unicast adverts (a multicast would not change any timing). It replaces the kit's
edge, Keepalived and health agent on the balancer nodes; LangFlow and all below stay as they are.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from langflow_ha.status.site import Node

STORE = "/var/lib/langflow-ha-compare"
"""On the nodes' disks: the kit's own files wait here, also through a loss of power."""
AGENT = "langflow-ha-agent.service"
KEPT = (
    "/etc/haproxy/haproxy.cfg",
    "/etc/keepalived/keepalived.conf",
    "/etc/systemd/system/haproxy.service.d/50-langflow-ha.conf",
    "/etc/systemd/system/keepalived.service.d/50-langflow-ha.conf",
)
GUARD = f"/etc/systemd/system/{AGENT}.d/90-compare.conf"


def haproxy_cfg(langflows: Sequence[Node]) -> str:
    """Return HAProxy's configuration: default checks every 2 s, no retries beyond the default."""
    servers = "\n".join(
        f"    server {node.name} {node.cluster_address}:7860 check inter 2s" for node in langflows
    )
    return f"""\
global
    log /dev/log local0
    chroot /var/lib/haproxy
    stats socket /run/haproxy/admin.sock mode 660 level admin
    user haproxy
    group haproxy

defaults
    log global
    mode http
    option httplog
    option dontlognull
    timeout connect 5000
    timeout client 50000
    timeout server 50000

frontend langflow
    bind *:80
    bind *:443 ssl crt /etc/langflow-ha/tls/edge.pem
    default_backend langflow

backend langflow
    balance roundrobin
    option httpchk GET /health
{servers}
"""


def keepalived_conf(node: Node, balancers: Sequence[Node], vip: str) -> str:
    """Return Keepalived's configuration: adverts every second, a curl script every 2 s.

    `@INTERFACE@` is filled in on the node, from the kit's own configuration.
    """
    place = [other.name for other in balancers].index(node.name)
    peers = "\n".join(f"        {o.cluster_address}" for o in balancers if o.name != node.name)
    return f"""\
vrrp_script chk_haproxy {{
    script "{STORE}/check"
    interval 2
    weight 2
    fall 2
    rise 2
}}

vrrp_instance VI_1 {{
    state {"MASTER" if place == 0 else "BACKUP"}
    interface @INTERFACE@
    virtual_router_id 51
    priority {101 - place}
    advert_int 1
    unicast_src_ip {node.cluster_address}
    unicast_peer {{
{peers}
    }}
    virtual_ipaddress {{
        {vip}
    }}
    track_script {{
        chk_haproxy
    }}
}}
"""


CHECK = """\
#!/bin/sh
# What tutorials write; Python stands in where curl is not installed.
if command -v curl >/dev/null; then exec curl -sfk -o /dev/null -m 2 https://127.0.0.1/health; fi
exec python3 -c 'import ssl, urllib.request
urllib.request.urlopen("https://127.0.0.1/health", timeout=2, context=ssl._create_unverified_context())'
"""


def install_script(
    node: Node, balancers: Sequence[Node], langflows: Sequence[Node], vip: str
) -> str:
    """Return the script that puts the plain recipe in the place of the kit's edge on one node.

    The kit's files are kept first, once: a second run must not keep the plain ones over them. The
    VIP is taken off by hand, because the plain Keepalived knows nothing of the IPv6 one.
    """
    keep = "\n".join(
        f"test ! -e {file} || {{ mkdir -p {STORE}/kit{file.rsplit('/', 1)[0]}; cp -a {file} {STORE}/kit{file}; }}"
        for file in KEPT
    )
    return f"""\
set -eu
systemctl stop keepalived.service {AGENT} haproxy.service
if ! test -e {STORE}/complete; then
{keep}
touch {STORE}/complete
fi
mkdir -p {STORE} {GUARD.rsplit("/", 1)[0]}
printf '[Unit]\\nConditionPathExists=!{STORE}/complete\\n' > {GUARD}
rm -f {KEPT[2]} {KEPT[3]}
interface=$(sed -n 's/^ *interface *//p' {STORE}/kit{KEPT[1]} | head -n 1)
printf %s {shlex.quote(CHECK)} > {STORE}/check
chmod 0755 {STORE}/check
printf %s {shlex.quote(haproxy_cfg(langflows))} > {KEPT[0]}
printf %s {shlex.quote(keepalived_conf(node, balancers, vip))} | sed "s/@INTERFACE@/$interface/" > {KEPT[1]}
haproxy -c -f {KEPT[0]} >/dev/null
systemctl daemon-reload
systemctl start haproxy.service keepalived.service
"""


def restore_script() -> str:
    """Return the script that brings the kit's edge back; nothing happens where it is in place."""
    back = "\n".join(
        f"test ! -e {STORE}/kit{file} || cp -a {STORE}/kit{file} {file}" for file in KEPT
    )
    return f"""\
set -eu
test -e {STORE}/complete || exit 0
systemctl stop keepalived.service haproxy.service
{back}
rm -f {GUARD}
rm -rf {STORE}
systemctl daemon-reload
systemctl start haproxy.service {AGENT}
systemctl start keepalived.service
"""
