#!/usr/bin/python
"""Ansible module: observe a node for preflight. Reads only; standard library only.

Judging is done on the controller, in langflow_ha.preflight.nodes.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

CONNECT_TIMEOUT = 4.0
NFS_PORT = 2049
NEIGHBOUR_DEADLINE = 10.0
TCP_LISTEN = "0A"


def os_release() -> dict[str, str]:
    """Return id, codename and name of the distribution."""
    pairs = {}
    for line in Path("/etc/os-release").read_text("utf-8").splitlines():
        key, found, value = line.partition("=")
        if found:
            pairs[key] = value.strip("\"'")
    return {
        "id": pairs.get("ID", ""),
        "codename": pairs.get("VERSION_CODENAME", ""),
        "name": pairs.get("PRETTY_NAME", ""),
    }


def memory_mb() -> int:
    """Return the size of the memory in MiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


def disk_mb() -> dict[str, int]:
    """Return size and free space of the file system under /var/lib, in MiB."""
    found = os.statvfs("/var/lib")
    return {
        "size_mb": found.f_frsize * found.f_blocks >> 20,
        "free_mb": found.f_frsize * found.f_bavail >> 20,
    }


def ip_json(*arguments: str) -> list[dict[str, Any]]:
    """Run `ip -j …`; raises OSError or CalledProcessError when that fails."""
    output = subprocess.run(
        ["ip", "-j", *arguments], check=True, capture_output=True, text=True, timeout=10
    ).stdout
    found: list[dict[str, Any]] = json.loads(output or "[]")
    return found


def interfaces() -> list[dict[str, Any]]:
    """Return each interface with its state and its addresses with prefix length."""
    return [
        {
            "name": item["ifname"],
            # Some virtual interfaces never say UP but UNKNOWN; the flag is what counts.
            "up": "UP" in item.get("flags", []) and item.get("operstate") != "DOWN",
            "addresses": [
                f"{address['local']}/{address['prefixlen']}"
                for address in item.get("addr_info", [])
                if "local" in address
            ],
        }
        for item in ip_json("addr", "show")
        if "ifname" in item
    ]


def _decode(field: str) -> tuple[str, int]:
    """Decode an address of /proc/net/tcp{,6}: 32-bit words in host byte order, port in hex."""
    raw, port = field.split(":")
    words = [bytes.fromhex(raw[i : i + 8])[::-1] for i in range(0, len(raw), 8)]
    data = b"".join(words)
    family = socket.AF_INET if len(data) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, data), int(port, 16)


def _socket_inodes(process: Path) -> list[str]:
    """Return the inodes of a process's open sockets; a descriptor that is closed meanwhile is left out."""
    inodes = []
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            link = str(descriptor.readlink())
            if link.startswith("socket:["):
                inodes.append(link[8:-1])
    return inodes


def _owners() -> dict[str, tuple[str, str]]:
    """Return socket inode → (systemd unit, process name)."""
    owners = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inodes = _socket_inodes(process)
            if not inodes:
                continue
            name = (process / "comm").read_text("utf-8").strip()
            parts = (process / "cgroup").read_text("utf-8").strip().split("/")
        except OSError:
            # The process ended meanwhile, or is not ours to look at.
            continue
        unit = next((part for part in reversed(parts) if part.endswith(".service")), "")
        for inode in inodes:
            # systemd holds sockets of its own units open as well; the service is the better answer.
            if inode not in owners or unit:
                owners[inode] = (unit, name)
    return owners


def listeners() -> list[dict[str, Any]]:
    """Return every listening TCP socket with its unit and process ("" where unknown)."""
    owners = _owners()
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == TCP_LISTEN:
                address, port = _decode(fields[1])
                unit, process = owners.get(fields[9], ("", ""))
                found.append({"address": address, "port": port, "unit": unit, "process": process})
    return sorted(found, key=lambda item: (item["port"], item["address"]))


def _neighbour_state(address: str) -> str:
    states = [item.get("state", []) for item in ip_json("neigh", "show", "to", address)]
    return states[0][0] if states and states[0] else ""


def answers(address: str) -> bool:
    """Tell whether a machine has this address, be it behind a firewall that drops everything.

    A refused or accepted connection says yes, "no route to host" (no ARP or ND reply) says no. On
    a time-out the neighbour table decides, once it has made up its mind.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    deadline = time.monotonic() + NEIGHBOUR_DEADLINE
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(CONNECT_TIMEOUT)
        try:
            code = client.connect_ex((address, 443))
        except OSError as error:
            code = error.errno or 0
    if code in (0, errno.ECONNREFUSED, errno.ECONNRESET):
        return True
    if code not in (errno.EAGAIN, errno.ETIMEDOUT, errno.EINPROGRESS):
        return False
    while time.monotonic() < deadline:
        state = _neighbour_state(address)
        if state in ("REACHABLE", "PERMANENT"):
            return True
        if state in ("", "FAILED"):
            return False
        time.sleep(0.5)
    return False


def share(server: str, directory: str) -> dict[str, Any]:
    """Look whether the filer can be connected to, and whether the directory is on a mount of its own.

    The kernel's table of mounts is read, not the directory: a hung share would hang this module.
    """
    error = ""
    if server:
        try:
            socket.create_connection((server, NFS_PORT), CONNECT_TIMEOUT).close()
        except OSError as failure:
            error = failure.strerror or str(failure)
    places = {
        line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    }
    path = Path(directory)
    return {
        "error": error,
        "mounted": any(str(place) in places for place in (path, *list(path.parents)[:-1])),
    }


def hostname_resolves() -> bool:
    """Tell whether the node can resolve its own name."""
    try:
        return bool(socket.getaddrinfo(socket.gethostname(), None))
    except OSError:
        return False


def main() -> None:
    """Observe and report; changes nothing."""
    start = time.monotonic()
    module = AnsibleModule(
        argument_spec={
            "probe": {"type": "list", "elements": "str", "default": []},
            "share_server": {"type": "str", "default": ""},
            "share_directory": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        found = interfaces()
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        module.fail_json(msg=f"cannot read the interfaces with ip (package iproute2): {error}")
    own = {item.split("/")[0] for interface in found for item in interface["addresses"]}
    others = [address for address in module.params["probe"] if address not in own]
    with ThreadPoolExecutor(max_workers=4) as pool:
        answering = dict(zip(others, pool.map(answers, others), strict=True))
    module.exit_json(
        changed=False,
        observation={
            "os": os_release(),
            "memory_mb": memory_mb(),
            "cpus": os.cpu_count() or 0,
            "disk": disk_mb(),
            "hostname": socket.gethostname(),
            "hostname_resolves": hostname_resolves(),
            "interfaces": found,
            "listeners": listeners(),
            "answering": answering,
            "share": share(module.params["share_server"], module.params["share_directory"]),
        },
        time=time.time(),
        elapsed=time.monotonic() - start,
    )


if __name__ == "__main__":
    main()
