"""Hash-locked requirements files: reading them, and rewriting them for what was built. Pure functions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)")


@dataclass(frozen=True)
class Pin:
    """One entry of a lock: normalised name, exact version, hashes as `sha256:…`."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def normalise(name: str) -> str:
    """Return a project name in the form that wheels and locks can be compared by (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse(text: str) -> list[Pin]:
    """Read the entries of a hash-locked requirements file; ValueError names an entry without hash or pin."""
    pins = []
    for logical in text.replace("\\\n", " ").splitlines():
        line = logical.strip()
        if not line or line.startswith(("#", "-")):
            continue
        match = _ENTRY.match(line)
        hashes = tuple(re.findall(r"--hash=(sha256:[0-9a-f]{64})", line))
        if match is None or not hashes:
            raise ValueError(f"not pinned by version and hash: {line[:80]!r}")
        marker = re.search(r";\s*(.*?)\s*(?=--hash|$)", line)
        pins.append(
            Pin(
                name=normalise(match["name"]),
                version=match["version"],
                marker=marker.group(1) if marker else "",
                hashes=hashes,
            )
        )
    return pins


def checked(text: str, version: str) -> str:
    """Return a lock that is fit to be kept; ValueError when it names an index, or pins another LangFlow."""
    if found := re.search(r"^.*://.*$", text, re.M):
        raise ValueError(f"the lock names an address: {found[0].strip()[:80]!r}")
    pins = {pin.name: pin.version for pin in parse(text)}
    if pins.get("langflow-base") != version:
        raise ValueError(f"the lock has langflow-base {pins.get('langflow-base')}, not {version}")
    return text


def wheel_project(filename: str) -> tuple[str, str]:
    """Return (normalised name, version) of a wheel's file name."""
    name, version, *_ = filename.split("-")
    return normalise(name), version


def rewrite(wheels: Mapping[str, str], pins: Iterable[Pin]) -> str:
    """Return the lock for an offline installation of these wheels (file name -> hex SHA-256).

    Each wheel is named with the one hash it has. ValueError when a wheel is not in the lock or of another
    version, and when a pin without an environment marker has no wheel. The bytes of downloaded wheels have
    been compared with the lock by pip (--require-hashes).
    """
    by_name = {pin.name: pin for pin in pins}
    lines = []
    for filename, digest in sorted(wheels.items()):
        name, version = wheel_project(filename)
        pin = by_name.pop(name, None)
        if pin is None:
            raise ValueError(f"{filename} is not in the lock, or there twice")
        if pin.version != version:
            raise ValueError(f"{filename} is in the bundle, the lock has {pin.version}")
        lines.append(f"{name}=={version} --hash=sha256:{digest}\n")
    missing = sorted(pin.name for pin in by_name.values() if not pin.marker)
    if missing:
        raise ValueError(f"no wheel for {', '.join(missing)}")
    return "".join(lines)


def built_here(wheels: Mapping[str, str], pins: Iterable[Pin]) -> list[str]:
    """Return the wheels whose bytes the lock does not know: those that were built from source."""
    known = {digest for pin in pins for digest in pin.hashes}
    return sorted(name for name, digest in wheels.items() if f"sha256:{digest}" not in known)


def digest(text: bytes) -> str:
    """Return the hex SHA-256 of a lock; its first twelve digits name bundles and releases."""
    return hashlib.sha256(text).hexdigest()
