"""The usual choices of client requests that run during a drill."""

from __future__ import annotations

ALL = ("ui", "api", "write", "upload", "run")
WIDE = (*ALL, "update", "stream", "background", "webhook")
DATABASE = ("sql",)
"""Where there is no LangFlow, whatever a drill says."""
QUEUE = ("ui", "api", "write", "build", "background")
