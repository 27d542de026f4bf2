"""secrets init: complete, strong, merged, private, and openable by Ansible itself."""

import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.fernet import Fernet
from langflow_ha.secrets.authority import certificate_fits_key
from langflow_ha.secrets.catalogue import GENERATORS, full_name
from langflow_ha.secrets.cli import app
from langflow_ha.secrets.init import create_password_file, init_secrets, paths
from langflow_ha.secrets.vault import Vault, VaultError
from typer.testing import CliRunner


@pytest.fixture
def site(tmp_path: Path) -> tuple[Path, Path]:
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    password_file = tmp_path / "vault-password"
    assert create_password_file(password_file)
    return inventory, password_file


def read(site: tuple[Path, Path]) -> dict[str, str]:
    return Vault(paths(site[0])[0], site[1]).read()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_is_made_encrypted_and_private(site: tuple[Path, Path]) -> None:
    outcome = init_secrets(*site, "demo")
    vault_file, ca_file = paths(site[0])
    assert vault_file.read_bytes().startswith(b"$ANSIBLE_VAULT;1.1;AES256")
    assert mode(vault_file) == 0o600
    assert mode(ca_file) == 0o644
    assert mode(site[1]) == 0o600
    assert set(outcome.created) == set(GENERATORS)
    values = read(site)
    assert set(values) == set(GENERATORS)
    assert len(set(values.values())) == len(values)
    assert all(isinstance(value, str) and len(value) >= 20 for value in values.values())
    Fernet(values["secret_langflow_secret_key"])


def test_authority_is_a_ca_for_ten_years_and_fits_its_key(site: tuple[Path, Path]) -> None:
    init_secrets(*site, "demo")
    pem = yaml.safe_load(paths(site[0])[1].read_text())["tls_ca_certificate"]
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert certificate_fits_key(pem, read(site)["secret_tls_ca_key"])
    assert "demo cluster CA" in certificate.subject.rfc4514_string()
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=3650) < left < timedelta(days=3660)


def test_second_run_changes_no_byte(site: tuple[Path, Path]) -> None:
    init_secrets(*site, "demo")
    before = [path.read_bytes() for path in paths(site[0])]
    outcome = init_secrets(*site, "demo")
    assert [path.read_bytes() for path in paths(site[0])] == before
    assert outcome.created == outcome.rotated == ()
    assert not outcome.certificate_written


def test_merge_keeps_what_is_there_and_fills_placeholders(site: tuple[Path, Path]) -> None:
    vault_file, _ = paths(site[0])
    vault_file.parent.mkdir(parents=True)
    # A plain file, as an operator may start with: it gets encrypted.
    vault_file.write_text(
        "secret_valkey_password: chosenByTheOperator42\n"
        "secret_haproxy_stats_password: CHANGE_ME\n"
        "become_password: kept\n"
    )
    outcome = init_secrets(*site, "demo")
    values = read(site)
    assert values["secret_valkey_password"] == "chosenByTheOperator42"
    assert values["become_password"] == "kept"
    assert values["secret_haproxy_stats_password"] != "CHANGE_ME"
    assert outcome.kept == ("secret_valkey_password",)
    assert vault_file.read_bytes().startswith(b"$ANSIBLE_VAULT")


def test_rotate_replaces_only_what_is_named(site: tuple[Path, Path]) -> None:
    init_secrets(*site, "demo")
    before = read(site)
    outcome = init_secrets(*site, "demo", ["secret_tls_ca_key"])
    after = read(site)
    assert {name for name in after if after[name] != before[name]} == {"secret_tls_ca_key"}
    assert outcome.rotated == ("secret_tls_ca_key",)
    assert outcome.certificate_written


def test_wrong_password_leaves_the_vault_alone(site: tuple[Path, Path], tmp_path: Path) -> None:
    init_secrets(*site, "demo")
    before = paths(site[0])[0].read_bytes()
    other = tmp_path / "other"
    create_password_file(other)
    with pytest.raises(VaultError, match="does not open with this vault password file"):
        init_secrets(site[0], other, "demo")
    assert paths(site[0])[0].read_bytes() == before


def test_ansible_vault_opens_it(site: tuple[Path, Path]) -> None:
    init_secrets(*site, "demo")
    tool = Path(sys.executable).with_name("ansible-vault")
    result = subprocess.run(
        [tool, "view", "--vault-password-file", site[1], paths(site[0])[0]],
        check=True,
        capture_output=True,
        text=True,
    )
    assert yaml.safe_load(result.stdout) == read(site)


@pytest.mark.parametrize(
    ("short", "variable"),
    [
        ("superuser", "secret_langflow_superuser_password"),
        ("valkey", "secret_valkey_password"),
        ("tls-ca", "secret_tls_ca_key"),
        ("secret_valkey_password", "secret_valkey_password"),
    ],
)
def test_short_names(short: str, variable: str) -> None:
    assert full_name(short) == variable


def test_ambiguous_name_lists_the_candidates() -> None:
    with pytest.raises(KeyError, match="secret_postgresql_rewind_password"):
        full_name("postgresql")


def test_command_line(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory"
    variables = inventory / "group_vars" / "all"
    variables.mkdir(parents=True)
    (variables / "main.yml").write_text("site_name: blue\n")
    options = ["--inventory", str(inventory), "--vault-password-file", str(tmp_path / "pw")]
    runner = CliRunner()
    refused = runner.invoke(app, ["init", *options])
    assert refused.exit_code == 1
    assert "--create-vault-password-file" in refused.output
    made = runner.invoke(app, ["init", *options, "--create-vault-password-file"])
    assert made.exit_code == 0, made.output
    assert "19 made, 0 rotated, 0 kept" in made.output
    pem = yaml.safe_load((variables / "tls_ca.yml").read_text())["tls_ca_certificate"]
    name = x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string()
    assert "blue cluster CA" in name
    shown = runner.invoke(app, ["show", "superuser", *options])
    assert (
        shown.output.strip()
        == read((inventory, tmp_path / "pw"))["secret_langflow_superuser_password"]
    )


KEY = "secret_langflow_secret_key"
LANGFLOWS_OWN = "k" * 43
"""What LangFlow generates: base64 of 32 bytes without its padding."""


def set_by_command(site: tuple[Path, Path], *arguments: str, stdin: str = "") -> tuple[int, str]:
    words = ["set", *arguments, "-i", str(site[0]), "--vault-password-file", str(site[1])]
    result = CliRunner().invoke(app, words, input=stdin)
    return result.exit_code, result.output


def test_a_key_from_elsewhere_is_taken_over_and_back(site: tuple[Path, Path]) -> None:
    init_secrets(*site, "demo")
    before = read(site)
    code, output = set_by_command(
        site, "langflow-secret-key", "--from-file", "-", stdin=f"{LANGFLOWS_OWN}\n"
    )
    assert code == 0, output
    assert LANGFLOWS_OWN not in output
    assert read(site) == {**before, KEY: LANGFLOWS_OWN, f"previous_{KEY}": before[KEY]}
    assert mode(paths(site[0])[0]) == 0o600
    assert set_by_command(site, "langflow-secret-key", "--previous")[0] == 0
    assert read(site) == {**before, f"previous_{KEY}": LANGFLOWS_OWN}


def test_the_same_value_again_keeps_what_was_before_it(site: tuple[Path, Path]) -> None:
    init_secrets(*site, "demo")
    for _ in range(2):
        set_by_command(site, KEY, "--from-file", "-", stdin=LANGFLOWS_OWN)
    assert read(site)[f"previous_{KEY}"] != LANGFLOWS_OWN


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        ((KEY, "--from-file", "-"), "too-short", "no Fernet key"),
        (("valkey", "--from-file", "-"), "", "not empty"),
        (("valkey", "--from-file", "/nowhere"), "", "No such file"),
        ((KEY,), "", "give one of"),
        ((KEY, "--previous"), "", "no earlier value"),
        (("nothing-like-it", "--previous"), "", "no single secret fits"),
    ],
)
def test_a_value_that_cannot_be_is_refused(
    site: tuple[Path, Path], arguments: tuple[str, ...], stdin: str, words: str
) -> None:
    init_secrets(*site, "demo")
    before = read(site)
    code, output = set_by_command(site, *arguments, stdin=stdin)
    assert (code, words in output) == (1, True), output
    assert read(site) == before


def test_what_was_kept_is_not_mistaken_for_a_secret_of_the_site(site: tuple[Path, Path]) -> None:
    init_secrets(*site, "demo")
    set_by_command(site, KEY, "--from-file", "-", stdin=LANGFLOWS_OWN)
    assert init_secrets(*site, "demo").created == ()
    assert read(site)[KEY] == LANGFLOWS_OWN


def test_the_stores_key_changes_with_its_name(site: tuple[Path, Path]) -> None:
    init_secrets(*site, "demo")
    before = read(site)
    words = ["init", "-i", str(site[0]), "--vault-password-file", str(site[1])]
    result = CliRunner().invoke(app, [*words, "--rotate", "object_store_secret_key"])
    assert result.exit_code == 0, result.output
    changed = {name for name, value in read(site).items() if value != before[name]}
    assert changed == {"secret_object_store_access_key", "secret_object_store_secret_key"}
