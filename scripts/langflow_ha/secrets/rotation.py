"""New values for secrets that are in use: what changes in the vault so that no request fails on the way.

Four ways, by what the server can do:

- two names: the new value belongs to a new name, and the old name works until the playbook takes it away
  (MinIO's users, the database's login roles);
- two values: the server accepts both, so the old one stays in the vault as `<name>_former` (Valkey), or is needed once
  more to set the new one (LangFlow's superuser);
- with a pause: members know each other by the value, so all restart at once (MinIO's root user). The former value stays in
  the vault until the end, to say that the rotation is under way;
- one value: nobody is asked for it while it changes, or the one who asks has the new one within a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langflow_ha.preflight.secret_forms import DATABASE_LOGIN, FORMER
from langflow_ha.secrets.catalogue import GENERATORS, rotated_together
from langflow_ha.secrets.init import HEADER, dump, is_missing, paths
from langflow_ha.secrets.vault import Vault, VaultError

TWO_VALUES = ("secret_valkey_password", "secret_langflow_superuser_password")
WITH_A_PAUSE = ("secret_minio_root_password",)
"""Never by `--all`: users notice."""
DATABASE = "secret_langflow_database_password"
LOGINS = ("langflow_a", "langflow_b")
"""Login roles of LangFlow, in turn. Before the first rotation it is the owner of the database itself, `langflow`."""

REFUSED = {
    "secret_langflow_secret_key": (
        "LangFlow 1.13 knows one key at a time: what is stored under the old one (credentials, API keys) has to be encrypted "
        "anew while LangFlow is stopped everywhere, and its package has no command for that. The way: docs/secrets.md, "
        '"LangFlow\'s own key"'
    ),
    "secret_backup_passphrase": (
        "pgBackRest and restic encrypt a repository with the passphrase that it was made with. The way: another target with "
        "a new passphrase (backup_target), and the old one kept as long as its backups"
    ),
    "secret_tls_ca_key": 'every node trusts this authority. The way: docs/secrets.md, "Another authority"',
}
"""Secrets that cannot change under load: why, and what to do instead."""

GIVEN_BY_OTHERS = {
    "secret_object_store_access_key": ("storage_backend", "minio"),
    "secret_object_store_secret_key": ("storage_backend", "minio"),
    "secret_backup_access_key": ("backup_target", "minio"),
    "secret_backup_secret_key": ("backup_target", "minio"),
    "secret_minio_root_password": ("storage_backend", "minio"),
}
"""Secrets that the kit can only make where the setting has this value; elsewhere they are another store's."""


class RotationError(Exception):
    """The secrets cannot be rotated; the text says which, why, and what to do."""


@dataclass(frozen=True)
class Rotation:
    """What a rotation writes to the vault: names with a new value, and all changed values."""

    names: tuple[str, ...]
    values: Mapping[str, str]


def all_rotatable(settings: Mapping[str, Any]) -> list[str]:
    """Return the secrets that `rotate --all` takes, in the order of GENERATORS."""
    return [n for n in GENERATORS if n not in WITH_A_PAUSE and not refusal(n, settings)]


def refusal(name: str, settings: Mapping[str, Any]) -> str:
    """Return why a secret cannot be rotated at a site with these settings, "" when it can."""
    if name in REFUSED:
        return REFUSED[name]
    setting, wanted = GIVEN_BY_OTHERS.get(name, ("", ""))
    if setting and settings.get(setting, wanted) != wanted:
        return (
            f"with {setting}: {settings[setting]} it belongs to a store that is not the kit's. Make another key there, "
            "`langflow-ha secrets set` it, run site.yml, and take the old one away there"
        )
    return ""


def pending(present: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names whose former value still works, because a rotation has not ended."""
    return tuple(sorted(n.removesuffix(FORMER) for n in present if n.endswith(FORMER)))


def decide(
    present: Mapping[str, Any],
    names: Sequence[str],
    settings: Mapping[str, Any],
    make: Mapping[str, Callable[[], str]] = GENERATORS,
) -> Rotation:
    """Say what to write for new values of `names` (full variable names).

    Raises RotationError when one cannot be rotated, is not there yet, or when another rotation has not ended: a third
    value would take one away that is in use.
    """
    wanted = rotated_together(names)
    refused = [f"{name}: {why}" for name in wanted if (why := refusal(name, settings))]
    if refused:
        raise RotationError("\n".join(refused))
    if absent := [name for name in wanted if is_missing(present.get(name))]:
        raise RotationError(
            f"{', '.join(absent)}: not in the vault yet; `langflow-ha secrets init` makes it"
        )
    if unfinished := pending(present):
        raise RotationError(
            f"a rotation of {', '.join(unfinished)} has not ended: run playbooks/rotate_secrets.yml first"
        )
    values: dict[str, str] = {}
    for name in wanted:
        values[name] = make[name]()
        if name in (*TWO_VALUES, *WITH_A_PAUSE):
            values[name + FORMER] = str(present[name])
        if name == DATABASE:
            login = str(present.get(DATABASE_LOGIN, "langflow"))
            values[DATABASE_LOGIN] = LOGINS[0] if login != LOGINS[0] else LOGINS[1]
            values[DATABASE_LOGIN + FORMER] = login
    return Rotation(tuple(wanted), values)


def rotate_secrets(
    inventory_dir: Path,
    vault_password_file: Path,
    names: Sequence[str],
    settings: Mapping[str, Any],
    *,
    dry_run: bool = False,
) -> Rotation:
    """Write new values of `names` to the vault in one step; with `dry_run` only say what would be written.

    Raises VaultError when the vault cannot be opened, and RotationError as `decide` does.
    """
    vault = _vault(inventory_dir, vault_password_file)
    present = vault.read()
    rotation = decide(present, names, settings)
    if not dry_run:
        vault.write_text(HEADER + dump({**present, **rotation.values}))
    return rotation


def forget(inventory_dir: Path, vault_password_file: Path) -> tuple[str, ...]:
    """Take every former value out of the vault, and return the names that had one."""
    vault = _vault(inventory_dir, vault_password_file)
    present = vault.read()
    names = pending(present)
    if names:
        kept = {name: value for name, value in present.items() if not name.endswith(FORMER)}
        vault.write_text(HEADER + dump(kept))
    return names


def read_pending(inventory_dir: Path, vault_password_file: Path) -> tuple[str, ...]:
    """Return the names of a rotation that has not ended, of the vault of an inventory."""
    return pending(_vault(inventory_dir, vault_password_file).read())


def _vault(inventory_dir: Path, vault_password_file: Path) -> Vault:
    vault = Vault(paths(inventory_dir)[0], vault_password_file)
    if not vault.path.exists():
        raise VaultError(f"{vault.path} does not exist; run `langflow-ha secrets init` first")
    return vault
