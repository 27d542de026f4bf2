"""Live checks: what was recorded on fit nodes passes, and each single deviation is named."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from langflow_ha.preflight.artefacts import manifest_problems
from langflow_ha.preflight.model import Problem
from langflow_ha.preflight.nodes import PORTS, from_result, problems
from langflow_ha.preflight.specs import ROOT

DEFAULTS = yaml.safe_load((ROOT / "roles/preflight/defaults/main.yml").read_text())
EVERYTHING = [component for component in PORTS if component not in {"nfs_server", "traces"}]
"""Of a converged node with what is on by default; an NFS server is a machine of its own."""


def record(number: int) -> dict[str, Any]:
    """What preflight_node returns for a fit, freshly installed node."""
    return {
        "node": {
            **{name.removeprefix("preflight_"): value for name, value in DEFAULTS.items()},
            "components": list(EVERYTHING),
            "address": f"198.18.10.{10 + number}",
            "vips": ["198.18.10.100/24", "fd00:198:18:10::100/64"],
        },
        "observation": {
            "os": {"id": "debian", "codename": "trixie", "name": "Debian GNU/Linux 13 (trixie)"},
            "memory_mb": 7950,
            "cpus": 4,
            "disk": {"size_mb": 40000, "free_mb": 35000},
            "hostname": f"n{number}",
            "hostname_resolves": True,
            "interfaces": [
                {"name": "lo", "up": True, "addresses": ["127.0.0.1/8", "::1/128"]},
                {
                    "name": "eth0",
                    "up": True,
                    "addresses": [
                        f"198.18.10.{10 + number}/24",
                        f"fd00:198:18:10::{10 + number}/64",
                        "fe80::42:acff:fe11:2/64",
                    ],
                },
            ],
            "listeners": [listener(22, "0.0.0.0", "ssh.service", "sshd")],
            "answering": {"198.18.10.100": False, "fd00:198:18:10::100": False},
            "share": {"error": "", "mounted": False},
        },
        "time": 1000.4,
        "before": 1000.0,
        "after": 1000.6,
    }


def listener(port: int, address: str, unit: str, process: str) -> dict[str, Any]:
    return {"port": port, "address": address, "unit": unit, "process": process}


Records = dict[str, dict[str, Any]]


@pytest.fixture
def records() -> Records:
    return {f"n{number}": record(number) for number in (1, 2, 3)}


def judge(records: Records, **options: Any) -> list[Problem]:
    return problems({host: from_result(result) for host, result in records.items()}, **options)


def messages(found: list[Problem]) -> list[str]:
    return [f"{p.variable}{' = ' + p.value if p.value else ''}: {p.reason}" for p in found]


def test_fresh_fit_nodes_pass(records: Records) -> None:
    assert judge(records) == []


def test_running_cluster_passes(records: Records) -> None:
    """A second run: our own units have the ports, and one node holds the virtual addresses."""
    for host, result in records.items():
        seen, own = result["observation"], result["node"]["address"]
        seen["listeners"] += [
            listener(443, "0.0.0.0", "haproxy.service", "haproxy"),
            listener(80, "::", "haproxy.service", "haproxy"),
            listener(5432, own, "patroni.service", "postgres"),
            listener(5432, "127.0.0.1", "backend-proxy.service", "haproxy"),
            listener(6379, own, "valkey-server.service", "valkey-server"),
            listener(2379, own, "etcd.service", "etcd"),
        ]
        seen["answering"] = dict.fromkeys(seen["answering"], host != "n1")
    holder = records["n1"]["observation"]
    holder["answering"] = {}
    holder["interfaces"][1]["addresses"] += ["198.18.10.100/24", "fd00:198:18:10::100/64"]
    assert judge(records) == []


# (what is different on n2, the only message)
DEVIATIONS: list[tuple[dict[str, Any], str]] = [
    (
        {"os": {"id": "ubuntu", "codename": "noble", "name": "Ubuntu 24.04"}},
        "operating system of n2 = Ubuntu 24.04: is not Debian",
    ),
    (
        {"memory_mb": 3900},
        "memory of n2 = 3900 MiB: cluster, balancer, langflow, etcd, postgresql, valkey, minio, "
        "monitoring together need 4480 MiB",
    ),
    (
        {"cpus": 1},
        "processors of n2 = 1: cluster, balancer, langflow, etcd, postgresql, valkey, minio, "
        "monitoring need 2",
    ),
    (
        {"disk": {"size_mb": 9000, "free_mb": 8000}},
        "/var/lib of n2 = 9000 MiB: cluster, balancer, langflow, etcd, postgresql, valkey, minio, "
        "monitoring together need 35840 MiB",
    ),
    (
        {"disk": {"size_mb": 40000, "free_mb": 900}},
        "/var/lib of n2 = 900 MiB free: at least 1024 MiB have to be free",
    ),
    (
        {"hostname_resolves": False},
        "host name of n2 = n2: the node cannot resolve its own name, which makes sudo and services "
        "slow",
    ),
    (
        {"listeners": [listener(443, "0.0.0.0", "nginx.service", "nginx")]},
        "port 443 of n2 = nginx.service: nginx.service listens on 0.0.0.0:443, which "
        "haproxy.service needs",
    ),
    (
        {"listeners": [listener(80, "172.17.0.1", "", "docker-proxy")]},
        "port 80 of n2 = docker-proxy: docker-proxy listens on 172.17.0.1:80, which "
        "haproxy.service needs",
    ),
    (
        # Debian starts this one as soon as the server package is installed by hand.
        {"listeners": [listener(5432, "127.0.0.1", "postgresql@17-main.service", "postgres")]},
        "port 5432 of n2 = postgresql@17-main.service: postgresql@17-main.service listens on "
        "127.0.0.1:5432, which backend-proxy.service, patroni*.service needs",
    ),
]


@pytest.mark.parametrize(("seen", "message"), DEVIATIONS)
def test_each_deviation_is_named(seen: dict[str, Any], message: str, records: Records) -> None:
    records["n2"]["observation"].update(copy.deepcopy(seen))
    assert messages(judge(records)) == [message]


def test_foreign_port_on_another_address_is_no_clash(records: Records) -> None:
    records["n2"]["observation"]["listeners"].append(
        listener(2379, "172.17.0.1", "other.service", "x")
    )
    assert judge(records) == []


def test_bookworm_carries_all_but_database_and_store(records: Records) -> None:
    records["n2"]["observation"]["os"] = {
        "id": "debian",
        "codename": "bookworm",
        "name": "Debian GNU/Linux 12 (bookworm)",
    }
    assert messages(judge(records)) == [
        "operating system of n2 = Debian GNU/Linux 12 (bookworm): postgresql needs Debian trixie",
        "operating system of n2 = Debian GNU/Linux 12 (bookworm): minio needs Debian trixie",
    ]
    records["n2"]["node"]["components"] = ["cluster", "balancer", "langflow", "etcd", "valkey"]
    assert judge(records) == []


def test_address_that_the_node_does_not_have(records: Records) -> None:
    records["n2"]["node"]["address"] = "198.18.10.99"
    assert messages(judge(records)) == [
        "cluster_address of n2 = 198.18.10.99: no interface of n2 has this address "
        "(it has 127.0.0.1, ::1, 198.18.10.12, fd00:198:18:10::12, fe80::42:acff:fe11:2)"
    ]


def test_interface_missing_or_down(records: Records) -> None:
    records["n1"]["node"]["vip_interface"] = "bond0"
    records["n2"]["observation"]["interfaces"][1]["up"] = False
    assert messages(judge(records)) == [
        "vip_interface of n1 = bond0: n1 has no such interface",
        "vip_interface of n2 = eth0: is down",
    ]


def test_virtual_address_in_no_subnet_of_the_interface(records: Records) -> None:
    records["n2"]["observation"]["interfaces"][1]["addresses"] = ["198.18.10.12/28"]
    assert messages(judge(records)) == [
        "vip_ipv4 = 198.18.10.100/24: n2 has no IPv4 subnet on eth0 that it is in "
        "(there: 198.18.10.0/28)",
        "vip_ipv6 = fd00:198:18:10::100/64: n2 has no IPv6 subnet on eth0 that it is in "
        "(there: none)",
    ]


def test_virtual_address_that_another_machine_has(records: Records) -> None:
    records["n1"]["observation"]["answering"]["198.18.10.100"] = True
    records["n3"]["observation"]["answering"]["198.18.10.100"] = True
    assert messages(judge(records)) == [
        "vip_ipv4 = 198.18.10.100/24: another machine already answers at it (seen from n1, n3)"
    ]
    # With --limit the holder may be a balancer that was not looked at.
    assert judge(records, complete=False) == []


def test_unreachable_and_broken_nodes_are_named_beside_the_rest(records: Records) -> None:
    records["n1"] = {"unreachable": True, "msg": "Connection timed out"}
    records["n2"] = {"failed": True, "module_stderr": "python3: not found", "node": {}}
    records["n3"]["observation"]["cpus"] = 1
    assert [problem.check for problem in judge(records)] == ["reachable", "reachable", "cpus"]
    assert "n1 cannot be reached: Connection timed out" in messages(judge(records))[0]
    assert "n2 could not be examined: python3: not found" in messages(judge(records))[1]


def test_filer_out_of_reach_and_share_not_mounted(records: Records) -> None:
    for result in records.values():
        result["node"].update(share_server="198.18.10.40", share_directory="/mnt/filer/langflow")
        result["observation"]["share"] = {"error": "", "mounted": True}
    assert judge(records) == []
    records["n2"]["observation"]["share"] = {"error": "Connection refused", "mounted": False}
    assert messages(judge(records)) == [
        "external_nfs_server = 198.18.10.40: n2 cannot connect to TCP 2049 there: Connection refused",
        "external_shared_directory = /mnt/filer/langflow: nothing is mounted there on n2: its files "
        "would stay on that node",
    ]


def test_the_kernels_own_listener_is_the_nfs_servers(records: Records) -> None:
    seen = records["n2"]["observation"]["listeners"]
    records["n2"]["node"]["components"] = ["cluster", "nfs_server"]
    seen.append(listener(2049, "198.18.10.12", "", ""))
    assert judge(records) == []
    seen.append(listener(2049, "0.0.0.0", "nfs-ganesha.service", "ganesha.nfsd"))
    assert messages(judge(records)) == [
        "port 2049 of n2 = nfs-ganesha.service: nfs-ganesha.service listens on 0.0.0.0:2049, which "
        "nfs-server.service needs"
    ]


def test_clock_of_one_node(records: Records) -> None:
    records["n2"]["time"] += 60
    assert messages(judge(records)) == [
        "clock of n2 = +60.1 s: is more than 2 s away from the controller's; leases and "
        "certificates depend on the time"
    ]


def test_clock_of_the_controller(records: Records) -> None:
    for result in records.values():
        result["time"] -= 30
    (message,) = messages(judge(records))
    assert message.startswith("clock of the controller = +29.9 s: all 3 nodes agree")


def test_clocks_apart_though_each_is_near_the_controller(records: Records) -> None:
    records["n1"]["time"] += 1.5
    records["n2"]["time"] -= 1.5
    assert messages(judge(records)) == [
        "clocks of n1 and n2 = 3.0 s: differ by more than 2 s; leases depend on the time"
    ]


def test_a_slow_connection_is_no_clock_skew(records: Records) -> None:
    records["n2"].update(time=1000.1, before=1000.0, after=1009.0)
    assert judge(records) == []


def test_check_can_be_left_out(records: Records) -> None:
    records["n2"]["observation"]["cpus"] = 1
    assert judge(records, skip=["cpus"]) == []


def test_artefacts(tmp_path: Path) -> None:
    (tmp_path / "whole").write_bytes(b"content")
    (tmp_path / "changed").write_bytes(b"other")
    digest = hashlib.sha256(b"content").hexdigest()
    manifest = tmp_path / "all.sha256"
    manifest.write_text(f"{digest}  whole\n")
    assert manifest_problems(manifest) == []
    manifest.write_text(f"{digest}  whole\n{digest} *changed\n{digest}  gone\nnonsense\n")
    assert [problem.reason.partition(",")[0] for problem in manifest_problems(manifest)] == [
        f"has the digest {hashlib.sha256(b'other').hexdigest()[:12]}…",
        "is named in all.sha256 but missing",
        "is not in sha256sum format: nonsense",
    ]
    manifest.write_text("")
    assert manifest_problems(manifest)[0].reason == "names no file"
    assert "no such file" in manifest_problems(tmp_path / "none")[0].reason
