"""In active/standby one LangFlow serves and the other is warm."""

from __future__ import annotations

import csv
import io

import pytest
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab

SHOW = """
import socket
with socket.socket(socket.AF_UNIX) as admin:
    admin.connect("/run/haproxy/admin.sock")
    admin.sendall(b"show stat\\n")
    print(admin.makefile().read())
"""


def test_one_langflow_serves_and_the_other_is_warm(lab: Lab) -> None:
    if lab.mode != "active_standby":
        pytest.skip("every LangFlow of this lab serves")
    for node in (node for node in lab.nodes if "balancer" in node.groups):
        code, output = Engine().execute(node.container, "python3", "-c", SHOW)
        assert code == 0, output
        rows = csv.DictReader(io.StringIO(output.lstrip("# ")))
        servers = {
            row["svname"]: (row["status"].split()[0], row["act"])
            for row in rows
            if row["pxname"] == "langflow" and row["svname"] not in ("FRONTEND", "BACKEND")
        }
        assert {status for status, _ in servers.values()} == {"UP"}, f"{node.name}: {servers}"
        assert sorted(active for _, active in servers.values()) == ["0", "1"], (
            f"{node.name}: {servers}"
        )
