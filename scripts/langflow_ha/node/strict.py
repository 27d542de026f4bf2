"""JSON files read strictly, into dataclasses.

Every key must be there and no other: a misspelt key must not silently become a default on the
node that holds the VIP.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

Kind = TypeVar("Kind")


class ConfigError(Exception):
    """A value that is refused. The text names the key, the value and the mend."""

    def __init__(self, key: str, value: object, fix: str) -> None:
        super().__init__(f"{key} = {json.dumps(value, default=str)}: {fix}")


def read_json(path: Path) -> object:
    """Decode the file. Raises `ConfigError`, or `OSError` when it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(str(path), str(error), "write valid JSON") from None


def load(kind: type[Kind], path: Path) -> Kind:
    """Read a file as a dataclass. Raises `ConfigError`, or `OSError` when it cannot be read."""
    read: Kind = build(kind, read_json(path))
    return read


def build(kind: Any, raw: object, key: str = "") -> Any:
    """Turn decoded JSON into the annotated type; `ConfigError` for what does not fit exactly."""
    origin = typing.get_origin(kind)
    if origin is types.UnionType:
        return None if raw is None else build(typing.get_args(kind)[0], raw, key)
    if origin is tuple:
        if not isinstance(raw, list):
            raise ConfigError(key, raw, "must be a list")
        item = typing.get_args(kind)[0]
        return tuple(build(item, value, f"{key}[{i}]") for i, value in enumerate(raw))
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, raw, key)
    if kind is float and type(raw) is int:
        return float(raw)
    if type(raw) is not kind:
        raise ConfigError(key, raw, f"must be of type {kind.__name__}")
    return raw


def _dataclass(kind: Any, raw: object, key: str) -> Any:
    if not isinstance(raw, dict):
        raise ConfigError(key or "(file)", raw, "must be an object")
    prefix = f"{key}." if key else ""
    hints = typing.get_type_hints(kind)
    for name in raw.keys() - hints.keys():
        raise ConfigError(prefix + name, raw[name], f"unknown key; known: {', '.join(hints)}")
    for name in hints.keys() - raw.keys():
        raise ConfigError(prefix + name, None, "missing; every key is required")
    return kind(**{name: build(hint, raw[name], prefix + name) for name, hint in hints.items()})


def literal_addresses(places: Iterable[tuple[str, str]]) -> None:
    """Refuse a key whose value is a name: a resolver that hangs would hold up what asks there."""
    for key, address in places:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise ConfigError(key, address, "must be an IP address, not a name") from None


def above_zero(key: str, group: Any) -> None:
    """Refuse a dataclass of numbers, the value of `key`, with one that is zero or less."""
    for item in dataclasses.fields(group):
        if (value := getattr(group, item.name)) <= 0:
            raise ConfigError(f"{key}.{item.name}", value, "must be above 0")
