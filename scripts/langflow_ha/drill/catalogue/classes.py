"""The usual choices of client requests that run during a drill."""

from __future__ import annotations

ALL = ("ui", "api", "write", "upload", "run")
WIDE = (*ALL, "update", "stream", "background", "webhook")
QUEUE = ("ui", "api", "write", "build", "background")
