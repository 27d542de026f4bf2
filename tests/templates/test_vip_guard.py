"""The guard of the VIP: what a keepalived may start with, and its last word to the peers."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path
from types import ModuleType

import pytest

GUARD = Path(__file__).parents[2] / "roles/keepalived/files/vip_guard.py"


def load() -> ModuleType:
    """The guard as a module."""
    spec = importlib.util.spec_from_file_location("vip_guard", GUARD)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


guard = load()


@pytest.mark.parametrize(
    ("written", "alive", "has_agent", "weight"),
    [
        ("40", True, True, 0),  # a bonus of the life before
        ("0", True, True, 0),
        ("-254", True, True, -254),
        ("-100", True, True, -100),
        ("0", False, True, -100),  # nobody vouches for the value
        (None, True, True, -100),
        ("", True, True, -100),
        ("fit", True, True, -100),
        (None, False, False, 0),
    ],
)
def test_starting_weight(written: str | None, alive: bool, has_agent: bool, weight: int) -> None:
    assert guard.starting_weight(written, alive, has_agent) == weight


def test_resignation_is_a_valid_vrrp3_advert_of_priority_zero() -> None:
    source, peer = "192.0.2.11", "192.0.2.12"
    advert = guard.resignation(source, peer, 51, "192.0.2.100", 0.3)
    assert advert[:6] == bytes([0x31, 51, 0, 1, 0, 30])
    assert advert[8:] == bytes([192, 0, 2, 100])
    pseudo = bytes([192, 0, 2, 11, 192, 0, 2, 12]) + struct.pack("!BBH", 0, 112, len(advert))
    assert guard.checksum(pseudo + advert) == 0  # as a receiver checks it
