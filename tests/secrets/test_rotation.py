"""secrets rotate: new values, what stays beside them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from langflow_ha.secrets.catalogue import GENERATORS
from langflow_ha.secrets.cli import app
from langflow_ha.secrets.init import create_password_file, init_secrets, paths
from langflow_ha.secrets.rotation import (
    GIVEN_BY_OTHERS,
    REFUSED,
    WITH_A_PAUSE,
    RotationError,
    all_rotatable,
    decide,
    forget,
    pending,
    refusal,
    rotate_secrets,
)
from langflow_ha.secrets.vault import Vault
from typer.testing import CliRunner

PRESENT = {name: f"old {name}" for name in GENERATORS}
MAKE = {name: (lambda name=name: f"new {name}") for name in GENERATORS}
VALKEY = "secret_valkey_password"
DATABASE = "secret_langflow_database_password"


def test_valkey_keeps_the_old_value_beside_the_new_one() -> None:
    assert decide(PRESENT, [VALKEY], {}, MAKE).values == {
        VALKEY: f"new {VALKEY}",
        f"{VALKEY}_former": f"old {VALKEY}",
    }


@pytest.mark.parametrize(
    ("login", "following"),
    [
        ("", "langflow_a"),
        ("langflow", "langflow_a"),
        ("langflow_a", "langflow_b"),
        ("langflow_b", "langflow_a"),
    ],
)
def test_the_database_gets_another_login_and_needs_no_old_password(
    login: str, following: str
) -> None:
    present = {**PRESENT, **({"database_login": login} if login else {})}
    assert decide(present, [DATABASE], {}, MAKE).values == {
        DATABASE: f"new {DATABASE}",
        "database_login": following,
        "database_login_former": login or "langflow",
    }


@pytest.mark.parametrize("kind", ["object_store", "backup"])
def test_a_key_changes_with_its_name(kind: str) -> None:
    pair = {f"secret_{kind}_access_key", f"secret_{kind}_secret_key"}
    for name in pair:
        assert set(decide(PRESENT, [name], {}, MAKE).values) == pair


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_change_under_load_is_refused_with_the_way(name: str) -> None:
    with pytest.raises(RotationError, match=f"(?s){name}: .*The way: "):
        decide(PRESENT, [VALKEY, name], {}, MAKE)


@pytest.mark.parametrize("name", sorted(GIVEN_BY_OTHERS))
def test_keys_of_a_foreign_store_are_refused(name: str) -> None:
    setting = GIVEN_BY_OTHERS[name][0]
    assert "not the kit's" in refusal(name, {setting: "s3"})
    assert refusal(name, {setting: "minio"}) == ""
    assert name not in all_rotatable({setting: "s3"})


def test_all_are_the_ones_that_can(tmp_path: Path) -> None:
    assert set(all_rotatable({})) == set(GENERATORS) - set(REFUSED) - set(WITH_A_PAUSE)


@pytest.mark.parametrize("name", WITH_A_PAUSE)
def test_one_with_a_pause_is_under_way_until_it_has_ended(name: str) -> None:
    half = {**PRESENT, **decide(PRESENT, [name], {}, MAKE).values}
    assert (half[name], pending(half)) == (f"new {name}", (name,))


def test_a_second_rotation_waits_for_the_first() -> None:
    for name in (VALKEY, DATABASE):
        half = {**PRESENT, **decide(PRESENT, [name], {}, MAKE).values}
        with pytest.raises(RotationError, match="has not ended"):
            decide(half, ["secret_haproxy_stats_password"], {}, MAKE)


def test_a_secret_that_nobody_made_is_no_rotation() -> None:
    with pytest.raises(RotationError, match="not in the vault yet"):
        decide({**PRESENT, VALKEY: "CHANGE_ME"}, [VALKEY], {}, MAKE)


@pytest.fixture
def site(tmp_path: Path) -> tuple[Path, Path]:
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    password_file = tmp_path / "vault-password"
    create_password_file(password_file)
    init_secrets(inventory, password_file, "demo")
    return inventory, password_file


def read(site: tuple[Path, Path]) -> dict[str, str]:
    return Vault(paths(site[0])[0], site[1]).read()


def test_a_rotation_and_its_end_leave_the_rest_of_the_vault_alone(site: tuple[Path, Path]) -> None:
    before = read(site)
    rotate_secrets(*site, [VALKEY, DATABASE], {})
    half = read(site)
    assert pending(half) == ("database_login", VALKEY)
    assert forget(*site) == ("database_login", VALKEY)
    after = read(site)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {VALKEY, DATABASE, "database_login"}
    assert forget(*site) == ()


def test_a_dry_run_changes_no_byte(site: tuple[Path, Path]) -> None:
    before = paths(site[0])[0].read_bytes()
    assert rotate_secrets(*site, [VALKEY], {}, dry_run=True).names == (VALKEY,)
    assert paths(site[0])[0].read_bytes() == before


def command(site: tuple[Path, Path], *words: str) -> tuple[int, str]:
    options = ["-i", str(site[0]), "--vault-password-file", str(site[1])]
    result = CliRunner().invoke(app, [*words, *options])
    return result.exit_code, result.output


def test_command_line(site: tuple[Path, Path]) -> None:
    before = read(site)
    assert command(site, "rotate") == (0, "no rotation is under way\n")
    code, output = command(site, "rotate", "--check", "--all")
    assert code == 0 and "would get a new value" in output and read(site) == before
    code, output = command(site, "rotate", "database", "valkey", "store", "superuser")
    assert code == 0, output
    assert "secret_object_store_access_key: new value" in output
    assert "playbooks/rotate_secrets.yml" in output
    shown = [
        n for n, v in {**before, **read(site)}.items() if n.startswith("secret_") and v in output
    ]
    assert shown == [], "no value is ever shown"
    code, output = command(site, "rotate")
    assert (code, "not ended: database_login" in output) == (0, True)
    code, output = command(site, "rotate", "langflow-secret-key")
    assert code == 1 and "LangFlow 1.13 knows one key at a time" in output
    code, output = command(site, "forget")
    assert code == 0 and output.startswith("changed: ")
    assert command(site, "forget") == (0, "nothing to forget\n")
