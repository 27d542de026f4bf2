"""Reading and writing ansible-vault files; the password never appears on a command line."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, get_file_vault_secret, is_encrypted


class VaultError(Exception):
    """The vault file or its password cannot be used; the text says which and why."""


def write_private(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace `path` with `data` in one step; nobody else can read it at any moment (mode 0600)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class Vault:
    """One ansible-vault file and the password (a file or a script) that opens it."""

    def __init__(self, path: Path, password_file: Path) -> None:
        self.path = path
        if not password_file.is_file():
            raise VaultError(
                f"vault password file {password_file} does not exist; "
                "add --create-vault-password-file to have one made"
            )
        # An absolute path: Ansible would look a relative one up from its own base directory.
        try:
            path_of_password = str(password_file.resolve())
            secret = get_file_vault_secret(filename=path_of_password, loader=DataLoader())
            secret.load()
        except AnsibleError as error:
            raise VaultError(f"vault password file {password_file}: {error}") from error
        self._vault = VaultLib([("default", secret)])

    def read_text(self) -> str:
        """Return the decrypted text, "" without a file; a plain file comes as it is."""
        if not self.path.exists():
            return ""
        data = self.path.read_bytes()
        if not is_encrypted(data):
            return data.decode("utf-8")
        try:
            return bytes(self._vault.decrypt(data)).decode("utf-8")
        except AnsibleError as error:
            raise VaultError(
                f"{self.path} does not open with this vault password file: {error}"
            ) from error

    def read(self) -> dict[str, Any]:
        """Return the variables in the file; raises VaultError when it is no YAML mapping."""
        try:
            values = yaml.safe_load(self.read_text()) or {}
        except yaml.YAMLError:
            # "from None": the parser quotes the offending text, which is a secret here.
            raise VaultError(f"{self.path} is not valid YAML once decrypted") from None
        if not isinstance(values, dict):
            raise VaultError(f"{self.path} holds no YAML mapping once decrypted")
        return values

    def is_encrypted(self) -> bool:
        """Tell whether the file exists and is encrypted."""
        return self.path.exists() and bool(is_encrypted(self.path.read_bytes()))

    def write_text(self, text: str) -> None:
        """Encrypt `text` into the file, mode 0600."""
        write_private(self.path, bytes(self._vault.encrypt(text)))
