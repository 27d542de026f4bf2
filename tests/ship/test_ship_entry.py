from __future__ import annotations

import json
from typing import Any

import pytest
from langflow_ha.ship.entry import entry
from langflow_ha.ship.mask import masker


def shipped(longest: int = 1000, **fields: Any) -> dict[str, str]:
    raw = {"__CURSOR": "s=1;i=2", "__REALTIME_TIMESTAMP": "1800000000123456", **fields}
    made = entry(json.dumps(raw).encode(), "n1", masker(False), longest)
    assert made.line.endswith(b"\n") and made.line.count(b"\n") == 1
    found: dict[str, str] = json.loads(made.line)
    return found


def test_fields_of_a_request() -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    line = f'{{"time":1,"trace_id":"{trace}","path":"/api/v1/run/my-flow","status":200}}'
    assert shipped(
        MESSAGE=line, PRIORITY="6", SYSLOG_IDENTIFIER="haproxy", _SYSTEMD_UNIT="haproxy.service"
    ) == {
        "_time": "1800000000123456000",
        "_msg": line,
        "node": "n1",
        "unit": "haproxy.service",
        "identifier": "haproxy",
        "priority": "6",
        "level": "info",
        "trace_id": trace,
        "flow": "my-flow",
    }


def test_langflows_own_words() -> None:
    flow = "0d0f2b1e-6a5d-4d0e-9d3a-1c2b3a4d5e6f"
    line = f'{{"event": "boom", "level": "error", "flow_id": "{flow}"}}'
    made = shipped(MESSAGE=line, PRIORITY="6")
    assert (made["level"], made["flow"]) == ("error", flow)
    assert shipped(MESSAGE='said "level": "error"', PRIORITY="4")["level"] == "warning"


@pytest.mark.parametrize(
    ("path", "flow"),
    [
        ("/api/v1/run/advanced/f1", "f1"),
        ("/api/v1/webhook/f_2", "f_2"),
        ("/api/v1/build/x-3/flow", "x-3"),
        ("/api/v1/users/whoami", None),
    ],
)
def test_flow_of_a_path(path: str, flow: str | None) -> None:
    assert shipped(MESSAGE=f'{{"path":"{path}"}}').get("flow") == flow


def test_only_systemd_speaks_for_other_units() -> None:
    fields: dict[str, Any] = {
        "UNIT": "langflow.service",
        "_SYSTEMD_UNIT": "init.scope",
        "MESSAGE": "Started",
    }
    assert shipped(**fields, _PID="1")["unit"] == "langflow.service"
    assert shipped(**fields, _PID="77")["unit"] == "init.scope"


def test_odd_messages() -> None:
    assert shipped(MESSAGE=None)["_msg"] == " "
    assert shipped(MESSAGE=[104, 105, 255])["_msg"] == "hi\ufffd"
    assert shipped(MESSAGE=["a", "b"])["_msg"] == "a\nb"
    assert "priority" not in shipped(MESSAGE="x")


def test_what_is_cut_is_masked_before() -> None:
    made = shipped(longest=30, MESSAGE="x" * 20 + " token=" + "s" * 100)
    assert "sss" not in made["_msg"]
    assert made["_msg"].endswith("cut]")
    assert shipped(longest=4, MESSAGE="ääää")["_msg"] == "ää [4 bytes cut]"


@pytest.mark.parametrize(
    ("raw", "why"), [(b"{", "Expecting"), (b'{"MESSAGE":"x"}', "cursor"), (b"[]", "no object")]
)
def test_what_is_no_entry(raw: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        entry(raw, "n1", masker(False), 100)
