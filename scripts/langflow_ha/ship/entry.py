"""An entry of the journal becomes a record of the store. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

FIELDS = ("MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT", "_PID", "UNIT")
"""What is asked of journalctl. Not the command line of a process: secrets may be in it."""

LEVELS = ("emerg", "alert", "critical", "error", "warning", "notice", "info", "debug")
"""By syslog's priority, 0 to 7."""

_TRACE = re.compile(r'trace_id"?\s*[:=]\s*"?([0-9a-f]{32})\b')
_FLOW = re.compile(
    r'flow_id"?\s*[:=]\s*"?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b'
    r"|/api/v1/(?:run(?:/advanced|/session)?|webhook|build)/([\w-]{1,128})\b"
)
"""LangFlow's and the kit's JSON, and the path of a request in HAProxy's."""
_LEVEL = re.compile(r'"level":\s*"(\w{1,16})"')


@dataclass(frozen=True, slots=True)
class Entry:
    """A record, and the place in the journal that a store has come to with it."""

    cursor: str
    at: float
    """Seconds since the epoch."""
    line: bytes
    """JSON, with the newline."""
    masked: bool


def entry(raw: bytes, node: str, mask: Callable[[str], str], longest: int) -> Entry:
    """Return the record of a line of `journalctl --output=json`. Raises `ValueError` for what is none."""
    fields: dict[str, Any] = json.loads(raw)
    if not isinstance(fields, dict):
        raise ValueError("an entry that is no object")
    cursor, micros = fields.get("__CURSOR"), fields.get("__REALTIME_TIMESTAMP")
    if not isinstance(cursor, str) or not isinstance(micros, str) or not micros.isdigit():
        raise ValueError("an entry without cursor or time")
    text = _text(fields.get("MESSAGE"))
    shown = mask(text)
    line = json.dumps(_record(fields, node, text, _cut(shown, longest), micros))
    return Entry(cursor, int(micros) / 1e6, line.encode() + b"\n", shown != text)


def _record(
    fields: Mapping[str, Any], node: str, text: str, shown: str, micros: str
) -> dict[str, str]:
    priority = _text(fields.get("PRIORITY"))
    trace, flow = _TRACE.search(text), _FLOW.search(text)
    # Of its own messages about a unit, systemd says which one; of others' nobody could trust that.
    about = fields.get("UNIT") if fields.get("_PID") == "1" else None
    found = {
        "_time": f"{micros}000",
        "_msg": shown or " ",
        "node": node,
        "unit": _text(about or fields.get("_SYSTEMD_UNIT")),
        "identifier": _text(fields.get("SYSLOG_IDENTIFIER")),
        "pid": _text(fields.get("_PID")),
        "priority": priority,
        "level": _level(priority, text),
        "trace_id": trace[1] if trace else "",
        "flow": (flow[1] or flow[2]) if flow else "",
    }
    return {name: value for name, value in found.items() if value}


def _level(priority: str, text: str) -> str:
    """Return a word; a daemon's own, in its JSON, before the priority, which is the same for all that it prints."""
    if text.startswith("{") and (own := _LEVEL.search(text)):
        return own[1].lower()
    return LEVELS[int(priority)] if priority in "01234567" and priority else ""


def _text(value: Any) -> str:
    """Return a field: text, bytes as numbers when it is no UTF-8, a list when it is there more than once."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, int) for item in value):
        return bytes(item & 255 for item in value).decode("utf-8", "replace")
    if isinstance(value, list):
        return "\n".join(_text(item) for item in value)
    return str(value)


def _cut(text: str, longest: int) -> str:
    """Return the text, its end given up for a note when it is too long."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= longest:
        return text
    return f"{encoded[:longest].decode('utf-8', 'ignore')} [{len(encoded) - longest} bytes cut]"
