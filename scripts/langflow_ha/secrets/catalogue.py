"""What secrets a site has and how each one is made. Pure apart from the random source."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Sequence

from cryptography.fernet import Fernet

from langflow_ha.secrets.authority import new_authority_key

# Letters and digits only: the values end up in URLs, HAProxy configuration and
# YAML, and a quoting mistake there costs more than a few characters of length.
ALPHABET = string.ascii_letters + string.digits

CA_KEY = "secret_tls_ca_key"


def password(length: int = 32) -> str:
    """Return a random password of `length` letters and digits, with at least one of each kind."""
    while True:
        value = "".join(secrets.choice(ALPHABET) for _ in range(length))
        if (
            any(c.islower() for c in value)
            and any(c.isupper() for c in value)
            and any(c.isdigit() for c in value)
        ):
            return value


def _access_key() -> str:
    """Return an S3 access key: 20 upper-case letters and digits, as the S3 tools expect."""
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(20))


def _fernet_key() -> str:
    return Fernet.generate_key().decode("ascii")


GENERATORS: dict[str, Callable[[], str]] = {
    "secret_postgresql_superuser_password": password,
    "secret_postgresql_replication_password": password,
    "secret_postgresql_rewind_password": password,
    "secret_patroni_rest_password": password,
    "secret_langflow_database_password": password,
    "secret_valkey_password": password,
    "secret_minio_root_password": password,
    "secret_object_store_access_key": _access_key,
    "secret_object_store_secret_key": lambda: password(40),
    "secret_langflow_secret_key": _fernet_key,
    "secret_langflow_cache_signing_key": lambda: password(64),
    "secret_langflow_superuser_password": lambda: password(24),
    "secret_haproxy_stats_password": password,
    "secret_status_page_password": lambda: password(24),
    "secret_monitoring_password": lambda: password(24),
    "secret_backup_passphrase": lambda: password(40),
    "secret_backup_access_key": _access_key,
    "secret_backup_secret_key": lambda: password(40),
    CA_KEY: new_authority_key,
}
"""Every secret of a site, by variable name, with the function that makes a new value."""


TOGETHER: tuple[frozenset[str], ...] = (
    frozenset({"secret_object_store_access_key", "secret_object_store_secret_key"}),
    frozenset({"secret_backup_access_key", "secret_backup_secret_key"}),
)
"""Secrets that are only rotated together: with a new name too, the old pair works until all clients have the new one."""


SHORT = {
    # LangFlow's own superuser is the one people ask for; PostgreSQL's has to be named in full.
    "superuser": "langflow_superuser",
    "database": "langflow_database",
    "store": "object_store_secret",
    "backup": "backup_secret",
    "store_root": "minio_root",
}
"""What people call a secret → its name without `secret_` and its ending."""


def rotated_together(names: Sequence[str]) -> list[str]:
    """Return the names and what belongs to them, in the order of GENERATORS."""
    wanted = set(names)
    for pair in TOGETHER:
        if pair & wanted:
            wanted |= pair
    return [name for name in GENERATORS if name in wanted]


def full_name(name: str) -> str:
    """Return the variable for a short name: `superuser`, `valkey` or the full name.

    Raises KeyError with the candidates when the name is unknown or fits several.
    """
    if name in GENERATORS:
        return name
    wanted = name.replace("-", "_")
    wanted = SHORT.get(wanted, wanted)
    for exact in (f"secret_{wanted}", f"secret_{wanted}_password", f"secret_{wanted}_key"):
        if exact in GENERATORS:
            return exact
    fitting = [candidate for candidate in GENERATORS if wanted in candidate]
    if len(fitting) == 1:
        return fitting[0]
    raise KeyError(
        f"no single secret fits {name!r}; the candidates are: " + ", ".join(fitting or GENERATORS)
    )
