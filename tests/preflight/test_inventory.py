"""Good inventories pass; every bad one is refused with exactly its message and no other."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from langflow_ha.preflight.inventory import notes, problems
from langflow_ha.preflight.model import Note, Problem, Unreadable, World
from langflow_ha.preflight.report import note_lines, plain
from langflow_ha.preflight.specs import Specs, load_specs
from langflow_ha.secrets.authority import authority_certificate
from langflow_ha.secrets.catalogue import GENERATORS

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 1, tzinfo=UTC)
CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted(HERE.glob("bad/*.yml"))
    for case in yaml.safe_load(path.read_text())
]


@cache
def specs() -> Specs:
    """The repository's own argument specs, read once."""
    return load_specs()


def _pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes = b"") -> bytes:
    encryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def _certificate(key: ec.EllipticCurvePrivateKey, names: list[str], start: datetime = NOW) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "edge")])
    alternatives: list[x509.GeneralName] = [
        x509.IPAddress(ip_address(n)) if n[0].isdigit() else x509.DNSName(n) for n in names
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - timedelta(days=1))
        .not_valid_after(start + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


@cache
def controller_files() -> dict[str, bytes]:
    """Certificates and keys, good and bad ones, by path."""
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    return {
        "/pki/good.crt": _certificate(key, ["langflow.example.org"]),
        "/pki/wildcard.crt": _certificate(key, ["*.example.org"]),
        "/pki/other-name.crt": _certificate(key, ["*.langflow.example.org", "example.org"]),
        "/pki/expired.crt": _certificate(key, ["langflow.example.org"], NOW - timedelta(days=100)),
        "/pki/future.crt": _certificate(key, ["langflow.example.org"], NOW + timedelta(days=30)),
        "/pki/good.key": _pem(key),
        "/pki/other.key": _pem(other),
        "/pki/locked.key": _pem(key, b"passphrase"),
        "/pki/garbage": b"not a PEM file",
    }


@cache
def generated() -> dict[str, str]:
    """Secrets and CA of the good inventory."""
    values = {name: make() for name, make in GENERATORS.items()}
    values["tls_ca_certificate"] = authority_certificate(values["secret_tls_ca_key"], "blue", NOW)
    return values


@dataclass
class Inventory:
    """An inventory as plain data."""

    groups: dict[str, list[str]]
    hosts: dict[str, dict[str, Any]]

    def set(self, name: str, value: Any) -> None:
        """Set a variable on all hosts."""
        for variables in self.hosts.values():
            variables[name] = value

    def unset(self, name: str) -> None:
        """Take a variable from all hosts."""
        for variables in self.hosts.values():
            variables.pop(name, None)

    def problems(self, skip: tuple[str, ...] = ()) -> list[Problem]:
        """Run every check of the inventory."""
        groups = {**self.groups, "all": list(self.hosts), "ungrouped": []}
        world = World(NOW, controller_files().get)
        # Not all roles' variables: suggestions would change with every new role.
        known = {*specs().site, *specs().host, *specs().secrets}
        return problems(self.hosts, groups, specs(), known, world, skip)

    def notes(self) -> list[Note]:
        """Run everything that explains a good inventory."""
        return notes(self.hosts, self.groups, specs(), (), World())


@pytest.fixture
def good() -> Inventory:
    data = yaml.safe_load((HERE / "good.yml").read_text())
    common = {**data["vars"], **generated()}
    hosts = {
        host: {**copy.deepcopy(common), **variables} for host, variables in data["hosts"].items()
    }
    return Inventory(data["groups"], hosts)


def apply(inventory: Inventory, case: dict[str, Any]) -> None:
    """Change a good inventory as a case of bad/*.yml says."""
    for host in case.get("drop_hosts", []):
        del inventory.hosts[host]
        for members in inventory.groups.values():
            if host in members:
                members.remove(host)
    for host in case.get("add_hosts", {}):
        inventory.hosts[host] = copy.deepcopy(inventory.hosts["n1"])
    for name, value in case.get("set", {}).items():
        inventory.set(name, value)
    for name, path in case.get("set_file", {}).items():
        inventory.set(name, controller_files()[path].decode())
    for name in case.get("unset", []):
        inventory.unset(name)
    for host, variables in {**case.get("add_hosts", {}), **case.get("hosts", {})}.items():
        inventory.hosts[host].update(variables)
        for name in [name for name, value in variables.items() if value is None]:
            del inventory.hosts[host][name]
    inventory.groups.update(case.get("groups", {}))


def message(problem: Problem) -> str:
    value = f" = {problem.value}" if problem.value else ""
    return f"{problem.variable}{value}: {problem.reason}"


def test_good_inventory_has_no_problem(good: Inventory) -> None:
    assert good.problems() == []


@pytest.mark.parametrize("case", CASES)
def test_bad_inventory_is_refused_with_its_message(case: dict[str, Any], good: Inventory) -> None:
    apply(good, case)
    found = good.problems()
    assert [message(problem) for problem in found] == [item["message"] for item in case["expect"]]
    assert [problem.fix for problem in found] == [item["mend"] for item in case["expect"]]


def test_there_are_enough_bad_inventories() -> None:
    assert len(CASES) >= 30


@pytest.mark.parametrize(
    "settings",
    [
        {"langflow_ha_mode": "active_standby", "groups": {"valkey": []}},
        {
            "storage_backend": "s3",
            "external_s3_endpoint": "https://s3.example.org",
            "external_s3_bucket": "langflow",
            "groups": {"minio": []},
        },
        # As LangFlow generates it, and what it took the place of.
        {"secret_langflow_secret_key": "k" * 43, "previous_secret_langflow_secret_key": "x"},
        {
            "storage_backend": "nfs",
            "external_nfs_server": "filer.example.org",
            "external_nfs_export": "/export/langflow",
            "groups": {"minio": []},
        },
        {
            "storage_backend": "nfs",
            "external_shared_directory": "/mnt/filer/langflow",
            "shared_files_owner_id": "5000",
            "groups": {"minio": []},
        },
        {
            "storage_backend": "nfs",
            "groups": {"minio": [], "langflow": ["n1", "n2"], "nfs_server": ["n3"]},
        },
        {"vip_ipv6": "", "vip_fqdn": ""},
        {"vip_router_id": "51", "site_environment": "test"},
        {
            "edge_certificate_file": "/pki/good.crt",
            "edge_private_key_file": "/pki/good.key",
            "extra_ca_certificates": ["/pki/good.crt"],
        },
        {"edge_certificate_file": "/pki/wildcard.crt", "edge_private_key_file": "/pki/good.key"},
        {"site_environment": "test", "firewall_enabled": False, "operator_networks": ["0.0.0.0/0"]},
    ],
)
def test_other_good_settings(settings: dict[str, Any], good: Inventory) -> None:
    apply(good, {"groups": settings.pop("groups", {}), "set": settings})
    assert good.problems() == []


def test_nfs_is_explained_and_other_stores_need_no_note(good: Inventory) -> None:
    assert good.notes() == []
    good.set("storage_backend", "nfs")
    good.set("external_shared_directory", "/mnt/filer")
    (profile,) = good.notes()
    assert "production profile refuses every local directory" in profile.text
    good.groups["nfs_server"] = ["n3"]
    assert "single point of failure" in good.notes()[1].text
    text = "\n".join(text for text, _colour in note_lines(good.notes()))
    assert "note: group nfs_server = n3\n" in text


def test_value_that_cannot_be_evaluated(good: Inventory) -> None:
    good.set("vip_fqdn", Unreadable("'nope' is undefined"))
    (problem,) = good.problems()
    assert message(problem) == "vip_fqdn: cannot be evaluated on n1: 'nope' is undefined"


def test_recovery_may_skip_a_check(good: Inventory) -> None:
    good.groups["etcd"] = ["n1", "n2"]
    assert {problem.check for problem in good.problems()} == {"sizes"}
    assert good.problems(skip=("sizes",)) == []


def test_no_secret_is_ever_printed(good: Inventory) -> None:
    for name in list(good.hosts["n1"]):
        if name.startswith("secret_"):
            good.set(name, "hunter2!")
    text = plain(good.problems(), "the inventory")
    assert "hunter2!" not in text
    assert "(8 characters)" in text


def test_report_is_a_numbered_list_that_says_what_why_and_how(good: Inventory) -> None:
    good.set("vip_timing", "fats")
    assert plain(good.problems(), "the inventory") == (
        "\n"
        "Preflight found 1 problem in the inventory. Nothing was changed.\n"
        "\n"
        "  1. vip_timing = fats  [choice]\n"
        "     why   is not one of conservative, balanced, fast\n"
        "     mend  did you mean fast?\n"
    )


def test_empty_inventory_is_refused() -> None:
    (problem,) = Inventory({}, {}).problems()
    assert problem.reason == "there is no host in it"


def test_alerts_that_nobody_gets_are_worth_a_note(good: Inventory) -> None:
    good.groups["monitoring"] = ["n1", "n2"]
    assert good.problems() == []
    (note,) = good.notes()
    assert "nobody is told of alerts" in note.text
    good.set("alert_webhook_urls", ["https://alerts.example.org/x"])
    assert (good.notes(), good.problems()) == ([], [])
