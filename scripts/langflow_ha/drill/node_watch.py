"""The watcher that runs on a node: who holds the VIP, is PostgreSQL writable, is Valkey a writable master.

Streamed to `python3 -u - <json>` over SSH, so it needs nothing but the standard library there;
psycopg2 is used when the node has it (Patroni does), Patroni's REST API otherwise. Prints one JSON
line per sample, stamped by the node's own clock (seconds since the epoch) as it was at the start: a clock that is
set meanwhile does not move the samples.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

VIP_INTERVAL_S = 0.05
ROLE_INTERVAL_S = 0.15
CLOCK_S = time.time() - time.monotonic()
LIFETIME_S = 3600
"""A watcher that lost its controller ends by itself."""


# Open for writes, whether a commit waits for nobody, and which standbys would answer for it: a
# primary that wants a synchronous standby and has none lets its clients wait. A standby that has
# been silent for 15 s (its status comes every 10 s) is none: after a freeze its process is still
# listed for a moment.
POSTGRES = """\
select not pg_is_in_recovery() and not current_setting('transaction_read_only')::bool,
  current_setting('synchronous_standby_names') = '',
  array(select application_name::text from pg_stat_replication
    where sync_state in ('sync', 'quorum') and reply_time > now() - interval '15 s')"""


def emit(kind: str, value: bool | None, by: Sequence[str] = ()) -> None:
    """Print one sample; a single short write, so lines of several processes do not mix."""
    sample = {"at": CLOCK_S + time.monotonic(), "kind": kind, "value": value, "by": list(by)}
    os.write(1, (json.dumps(sample) + "\n").encode())


def has_ipv4(trie: str, address: str) -> bool:
    """Tell whether `/proc/net/fib_trie` lists `address` as a local one."""
    return re.search(rf"\|-- {re.escape(address)}\n\s+/32 host LOCAL", trie) is not None


def has_ipv6(table: str, address: str) -> bool:
    """Tell whether `/proc/net/if_inet6` lists `address`."""
    return f"{int(IPv6Address(address)):032x} " in table


def holds(vips: list[str]) -> bool:
    """Tell whether this node has any of the virtual addresses."""
    for vip in vips:
        if ip_address(vip).version == 4:
            if has_ipv4(Path("/proc/net/fib_trie").read_text(), vip):
                return True
        elif has_ipv6(Path("/proc/net/if_inet6").read_text(), vip):
            return True
    return False


def watch_vip(vips: list[str]) -> None:
    """Sample for ever at a fixed rate."""
    while True:
        began = time.monotonic()
        try:
            emit("vip", holds(vips))
        except OSError:
            emit("vip", None)
        time.sleep(max(0.0, VIP_INTERVAL_S - (time.monotonic() - began)))


def postgres_by_socket(directory: str) -> None:
    """Sample through one kept connection, as user postgres; returns only when that cannot work."""
    try:
        import psycopg2  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        return
    connection: Any = None
    last_good = time.monotonic()
    while True:
        try:
            if connection is None:
                connection = psycopg2.connect(
                    host=directory,
                    dbname="postgres",
                    user="postgres",
                    connect_timeout=2,
                    application_name="langflow-ha-drill",
                )
                connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(POSTGRES)
                writable, waits_for_nobody, standbys = cursor.fetchone()
                emit("pg", writable)
                emit("pg_ack", writable and (waits_for_nobody or bool(standbys)), standbys)
            last_good = time.monotonic()
        except psycopg2.Error as error:
            if connection is None and "authentication" in str(error) and last_good:
                return
            with contextlib.suppress(Exception):
                connection.close()
            connection = None
            emit("pg", None)
            emit("pg_ack", None)
        time.sleep(ROLE_INTERVAL_S)


def postgres_by_rest(url: str) -> None:
    """Sample Patroni's `/primary`: 200 only on a running primary that holds the leader's lock."""
    context = ssl.create_default_context()
    # It asks its own machine for its own role; the certificate is not the point here.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2, context=context) as answer:  # noqa: S310
                primary: bool | None = answer.status == 200
        except urllib.error.HTTPError as error:
            primary = False if error.code == 503 else None
        except OSError:
            primary = None
        # It cannot be asked for more; whoever has the lock is taken for one that acknowledges.
        emit("pg", primary)
        emit("pg_ack", primary)
        time.sleep(2 * ROLE_INTERVAL_S)


def valkey_password() -> str:
    """Return `requirepass` of the local Valkey or Redis; "" when there is none."""
    for pattern in ("valkey/*.conf", "redis/*.conf"):
        for file in sorted(Path("/etc").glob(pattern)):
            with contextlib.suppress(OSError):
                found = re.search(r'^requirepass\s+"?([^"\s]+)', file.read_text(), re.MULTILINE)
                if found:
                    return found.group(1)
    return ""


def takes_writes(replication: str, wanted: int) -> bool:
    """Tell whether `INFO replication` is that of a master with the `wanted` good replicas."""
    fields = dict(line.split(":", 1) for line in replication.splitlines() if ":" in line)
    good = int(fields.get("min_slaves_good_slaves", wanted))
    return fields.get("role") == "master" and good >= wanted


def watch_valkey(host: str, password: str) -> None:
    """Sample over one kept connection whether this server is a master that takes writes."""
    link: socket.socket | None = None
    wanted = 0
    while True:
        try:
            if link is None:
                link = socket.create_connection((host, 6379), timeout=1)
                if password:
                    link.sendall(b"AUTH " + password.encode() + b"\r\n")
                    link.recv(256)
                link.sendall(b"CONFIG GET min-replicas-to-write\r\n")
                found = re.findall(r"^\d+\r$", link.recv(256).decode(), re.MULTILINE)
                wanted = int(found[-1]) if found else 0
            link.sendall(b"INFO replication\r\n")
            answer = link.recv(4096)
            if not answer:
                raise OSError("closed")
            emit("valkey", takes_writes(answer.decode(), wanted))
        except (OSError, ValueError):
            if link is not None:
                link.close()
                emit("valkey", None)
            link = None
        time.sleep(ROLE_INTERVAL_S)


def drop_to(user: str) -> bool:
    """Become `user` in this process; False when there is no such user."""
    import pwd

    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return False
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    return True


def main() -> None:
    """Start the samplers that this node has parts for; end with the link or after `LIFETIME_S`."""
    options = json.loads(sys.argv[1])
    emit("hello", None)
    if options.get("postgresql") and os.fork() == 0:
        # Its own process: the local socket lets only the user postgres in without a password.
        if drop_to("postgres"):
            threading.Timer(LIFETIME_S, os._exit, [0]).start()
            postgres_by_socket("/var/run/postgresql")
            postgres_by_rest(f"https://{options['address']}:8008/primary")
        os._exit(0)
    if options.get("valkey"):
        password = valkey_password()
        threading.Thread(
            target=watch_valkey, args=(options["address"], password), daemon=True
        ).start()
    threading.Timer(LIFETIME_S, os._exit, [0]).start()
    watch_vip(options["vips"])


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)
