"""Make the secrets that a site lacks; what exists is never touched unless rotation is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from langflow_ha.preflight.secret_forms import PREVIOUS, is_fernet_key
from langflow_ha.secrets.authority import authority_certificate, certificate_fits_key
from langflow_ha.secrets.catalogue import CA_KEY, GENERATORS, password
from langflow_ha.secrets.vault import Vault, VaultError, write_private

PLACEHOLDER = "CHANGE_ME"

HEADER = """\
---
# Secrets of this site, made by `langflow-ha secrets init`. Edit with `ansible-vault edit`.
"""

CA_HEADER = """\
---
# Public certificate of the site's own CA, made by `langflow-ha secrets init`.
# Its key is secret_tls_ca_key in the vault; the two belong together.
"""


@dataclass(frozen=True)
class Outcome:
    """Names of the secrets that were made, replaced and kept, and whether the CA certificate is new."""

    created: tuple[str, ...]
    rotated: tuple[str, ...]
    kept: tuple[str, ...]
    certificate_written: bool


class _Dumper(yaml.SafeDumper):
    """Writes multi-line strings (PEM) as literal blocks, so that `ansible-vault edit` shows them."""


def _string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _string)


def dump(values: Mapping[str, Any]) -> str:
    """Return the variables as YAML, PEM texts as literal blocks."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, width=1 << 16)


def is_missing(value: object) -> bool:
    """Tell whether a secret is not set or still a placeholder."""
    return not value or (isinstance(value, str) and PLACEHOLDER in value)


def create_password_file(path: Path) -> bool:
    """Make a vault password file (0600) unless there is one; tell whether it was made."""
    if path.exists():
        return False
    write_private(path, f"{password(48)}\n".encode("ascii"))
    return True


def paths(inventory_dir: Path) -> tuple[Path, Path]:
    """Return the vault file and the CA certificate file of an inventory directory."""
    variables = inventory_dir / "group_vars" / "all"
    return variables / "vault.yml", variables / "tls_ca.yml"


def init_secrets(
    inventory_dir: Path,
    vault_password_file: Path,
    site_name: str,
    rotate: Sequence[str] = (),
) -> Outcome:
    """Make every missing secret of the inventory and, if it does not fit its key, the CA certificate.

    `rotate` names secrets (full variable names) that get a new value although they have one.
    Raises VaultError when the vault cannot be opened and NotADirectoryError when the inventory is missing.
    """
    if not inventory_dir.is_dir():
        raise NotADirectoryError(f"inventory directory {inventory_dir} does not exist")
    unknown = sorted(set(rotate) - set(GENERATORS))
    if unknown:
        raise KeyError(f"cannot rotate {', '.join(unknown)}: no such secret")
    vault_file, ca_file = paths(inventory_dir)
    vault = Vault(vault_file, vault_password_file)
    present = vault.read()

    rotated = [name for name in GENERATORS if name in rotate and not is_missing(present.get(name))]
    created = [name for name in GENERATORS if is_missing(present.get(name))]
    fresh = {name: GENERATORS[name]() for name in GENERATORS if name in created or name in rotated}
    merged = {**present, **fresh}
    if fresh or not vault.is_encrypted():
        vault.write_text(HEADER + dump(merged))
    elif vault_file.stat().st_mode & 0o077:
        vault_file.chmod(0o600)

    certificate_written = False
    existing = yaml.safe_load(ca_file.read_text("utf-8")) if ca_file.exists() else None
    certificate = str((existing or {}).get("tls_ca_certificate", ""))
    if not certificate_fits_key(certificate, merged[CA_KEY]):
        certificate = authority_certificate(merged[CA_KEY], site_name)
        text = CA_HEADER + dump({"tls_ca_certificate": certificate})
        write_private(ca_file, text.encode("utf-8"), mode=0o644)
        certificate_written = True

    kept = [name for name in GENERATORS if name not in fresh]
    return Outcome(tuple(created), tuple(rotated), tuple(kept), certificate_written)


def set_secret(
    inventory_dir: Path, vault_password_file: Path, name: str, value: str | None
) -> bool:
    """Give one secret of the vault a value from elsewhere, and keep the old one beside it.

    None takes the value that the last call replaced, so that a second call takes it back. Returns
    whether anything was changed. Raises VaultError when the vault cannot be opened, or holds no
    earlier value, and ValueError with the rule that the value breaks.
    """
    vault = Vault(paths(inventory_dir)[0], vault_password_file)
    present = vault.read()
    if value is None:
        value = str(present.get(PREVIOUS + name) or "")
        if not value:
            raise VaultError(f"{vault.path} holds no earlier value of {name}")
    if name == "secret_langflow_secret_key" and not is_fernet_key(value):
        raise ValueError(
            f"{name}: this is no Fernet key (32 bytes in URL-safe base64); an instance with a key of another form "
            "has to get a new one first, as LangFlow's documentation says under key rotation"
        )
    if not value or "\n" in value:
        raise ValueError(f"{name}: one line that is not empty is needed")
    old = present.get(name)
    if value == old:
        return False
    kept = {} if is_missing(old) else {PREVIOUS + name: old}
    vault.write_text(HEADER + dump({**present, name: value, **kept}))
    return True
