"""Secrets: there, strong, different from each other, in the form that their reader wants."""

from __future__ import annotations

from collections.abc import Iterator

from langflow_ha.preflight.checks.names import shown
from langflow_ha.preflight.model import Problem, Site, Unset, contains_placeholder
from langflow_ha.preflight.secret_forms import is_fernet_key

INIT = "run: langflow-ha secrets init --inventory <directory of this inventory>"
ROTATE = "run: langflow-ha secrets init --inventory <directory of this inventory> --rotate {name}"
SHORTEST = 16
FEWEST_KINDS = 6
GIVEN_BY_OTHERS = {
    "secret_object_store_access_key": "storage_backend",
    "secret_object_store_secret_key": "storage_backend",
    "secret_backup_access_key": "backup_target",
    "secret_backup_secret_key": "backup_target",
}
"""Secret → the setting with which, at s3, it is the object store's to give."""
COMMON = (
    "password",
    "passwd",
    "secret",
    "changeme",
    "change_me",
    "change-me",
    "letmein",
    "langflow",
    "minioadmin",
    "postgres",
    "admin",
    "qwerty",
    "123456",
)


def _weakness(value: str) -> str:
    """Return why a password is weak, "" when it is not."""
    lower = value.lower()
    if len(value) < SHORTEST:
        return f"has fewer than {SHORTEST} characters"
    for word in COMMON:
        # A word is harmless inside a long random value, deadly when it is most of it.
        if word in lower and len(value) - len(word) < SHORTEST:
            return f'is built round "{word}", which is tried first'
    if len(set(value)) < FEWEST_KINDS:
        return f"uses fewer than {FEWEST_KINDS} different characters"
    return ""


def _values(site: Site) -> dict[str, str]:
    """Return the secrets that are set and filled in."""
    found = {name: site.value(name) for name in site.specs.secrets}
    return {name: value for name, value in found.items() if value}


def missing(site: Site) -> Iterator[Problem]:
    """Secrets that nobody made; one finding for all when there is not even a vault."""
    absent = [
        name
        for name in site.specs.secrets
        if site.raw(name) is Unset or site.raw(name) in ("", None)
    ]
    if len(absent) == len(site.specs.secrets):
        yield Problem(
            "secret",
            "secret_*",
            "",
            f"none of the {len(absent)} secrets is set; the inventory has no vault yet",
            INIT + "; it makes them all",
        )
        return
    for name in absent:
        yield Problem("secret", name, "", "is not set", INIT + "; it adds what is missing")


def weak(site: Site) -> Iterator[Problem]:
    """Secrets that are easily guessed."""
    for name, value in _values(site).items():
        if name in {"secret_langflow_secret_key", "secret_tls_ca_key"}:
            continue
        if name in GIVEN_BY_OTHERS and site.value(GIVEN_BY_OTHERS[name]) == "s3":
            continue
        reason = _weakness(value)
        if reason:
            yield Problem("secret", name, shown(name, value), reason, ROTATE.format(name=name))


def equal(site: Site) -> Iterator[Problem]:
    """One value for two purposes: whoever learns one has both."""
    owners: dict[str, list[str]] = {}
    for name, value in _values(site).items():
        owners.setdefault(value, []).append(name)
    for value, names in owners.items():
        if len(names) > 1:
            yield Problem(
                "secret",
                names[1],
                shown(names[1], value),
                f"has the same value as {names[0]}",
                ROTATE.format(name=names[1]),
            )


def fernet(site: Site) -> Iterator[Problem]:
    """LangFlow's key: it starts with another one, and then cannot decrypt what it stored."""
    name = "secret_langflow_secret_key"
    value = site.value(name)
    if value and not is_fernet_key(value):
        yield Problem(
            "secret",
            name,
            shown(name, value),
            "is not a Fernet key (32 bytes in URL-safe base64, 44 characters)",
            "take over the key of the old installation unchanged, or for a new site "
            + ROTATE.format(name=name),
        )


def text_only(site: Site) -> Iterator[Problem]:
    """Secrets that YAML read as a number or a list."""
    for name in site.specs.secrets:
        raw = site.raw(name)
        if isinstance(raw, str) and contains_placeholder(raw):
            continue
        if raw is not Unset and raw not in ("", None) and not isinstance(raw, str):
            yield Problem(
                "secret",
                name,
                "",
                f"is of type {type(raw).__name__}, so YAML changed what was typed",
                "put the value in quotes",
            )


CHECKS = (missing, weak, equal, fernet, text_only)
