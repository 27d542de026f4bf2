"""The configuration is refused with the key, the value and the mend."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from helpers import RAW, raw
from langflow_ha.health import config
from langflow_ha.node.strict import ConfigError
from node_helpers import with_value

changed = partial(with_value, RAW)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (changed("node", "n9"), 'node = "n9": must be one of the members: n1, n2, n3'),
        (changed("http_port", "7950"), 'http_port = "7950": must be of type int'),
        (changed("http_port", 70000), "http_port = 70000: must be a TCP port"),
        (changed("htpp_port", 1), "htpp_port = 1: unknown key; known: node"),
        (changed("paces.peer.fall", 0), "paces.peer.fall = 0: must be above 0"),
        (changed("paces.peer.fal", 1), "paces.peer.fal = 1: unknown key"),
        (changed("paces.peer.rise", True), "paces.peer.rise = true: must be of type int"),
        (changed("members.1.address", "n2.example"), "must be an IP address, not a name"),
        (changed("members.1.name", "n1"), "every name must be unique"),
        (changed("members", RAW["members"][:2]), "name an address outside the cluster"),
        (changed("members", {}), "members = {}: must be a list"),
        (changed("vip_addresses", []), "a balancer must know its virtual addresses"),
        (changed("haproxy.live_url", "https://127.0.0.1/x"), "must look like http://"),
        (changed("langflow.ready_url", "http://localhost:1/x"), "must look like http://"),
        (changed("backends.0.kind", "udp"), 'kind = "udp": must be tcp or resp'),
        (changed("backends.0.name", "langflow"), "no check of the agent's"),
        (changed("backends.0.name", "share"), "no check of the agent's"),
        (changed("share.directory", "srv"), 'share.directory = "srv": must be an absolute path'),
        (changed("limits.stall", 0.2), "limits.stall = 0.2: must be above 0.6"),
        (["not", "an", "object"], "must be an object"),
    ],
)
def test_refused(bad: object, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        config.parse(bad)
    assert message in str(refusal.value)


@pytest.mark.parametrize("key", sorted(RAW))
def test_every_key_is_required(key: str) -> None:
    incomplete = {k: v for k, v in raw().items() if k != key}
    with pytest.raises(ConfigError, match=f"^{key} = null: missing"):
        config.parse(incomplete)


def test_what_is_not_on_the_node_is_null() -> None:
    settings = config.parse(
        raw(haproxy=None, langflow=None, vip_addresses=[], backends=[], share=None)
    )
    assert settings.haproxy is None and [p.name for p in settings.peers] == ["n2", "n3"]


def test_broken_json_is_named(tmp_path: Path) -> None:
    file = tmp_path / "agent.json"
    file.write_text("{")
    with pytest.raises(ConfigError, match="write valid JSON"):
        config.load(file)
    file.write_text(json.dumps(RAW))
    assert config.load(file).node == "n1"
