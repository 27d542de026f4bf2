"""What a node says of its packages, with stand-ins for the programs that it asks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langflow_ha.preflight.specs import ROOT

LOOK = ROOT / "roles/update_packages/files/packages_look.py"
# As apt-get of Debian 13 writes it.
UPGRADE = """\
The following packages have been kept back:
  patroni openjdk-21
The following NEW packages will be installed:
  linux-image-6.12.50-amd64
Inst libssl3t64 [3.5.1-1] (3.5.4-1~deb13u1 Debian-Security:13/stable-security [amd64]) []
Inst haproxy [3.0.10-1] (3.0.11-1+deb13u1 Debian:13.2/stable [amd64])
Inst linux-image-6.12.50-amd64 (6.12.50-1 Debian-Security:13/stable-security [amd64])
Conf haproxy (3.0.11-1+deb13u1 Debian:13.2/stable [amd64])
"""
TOOLS = {
    "apt-get": f"echo \"$*\" >> asked; case $* in *upgrade*--with-new*) cat <<'E'\n{UPGRADE}E\n;;\n"
    "*dist-upgrade*) echo 'Remv old [1.0]' ;;\n"
    "*--only-upgrade*) echo 'Inst libssl3t64 [3.5.1-1] (3.5.4-1 Debian-Security:13/x [amd64])' ;; esac",
    "apt-mark": "echo patroni",
    "dpkg-query": "printf 'installed haproxy\\ninstalled patroni\\nconfig-files gone\\n'",
    "dpkg": "cat audit 2>/dev/null",
    "needrestart": "printf 'NEEDRESTART-VER: 3.8\\nNEEDRESTART-KSTA: 3\\nNEEDRESTART-SVC: haproxy.service\\n'",
    "systemd-detect-virt": "exit 1",
    "unattended-upgrade": "",
    "apt-config": "echo \"every='1'\"",
}


@pytest.fixture
def node(tmp_path: Path) -> Path:
    for name, script in TOOLS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def look(node: Path, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, LOOK, *options],
        cwd=node,
        env={"PATH": f"{node}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_says_what_an_upgrade_would_change(node: Path) -> None:
    found = look(node)
    assert found["changes"] == [
        {"name": "libssl3t64", "from": "3.5.1-1", "to": "3.5.4-1~deb13u1"},
        {"name": "haproxy", "from": "3.0.10-1", "to": "3.0.11-1+deb13u1"},
        {"name": "linux-image-6.12.50-amd64", "from": "", "to": "6.12.50-1"},
    ]
    assert found["kept_back"] == ["openjdk-21"], "what is held is said by itself"
    assert found["held"] == ["patroni"]
    assert (found["stale"], found["boot"]) == (["haproxy.service"], True)
    assert (found["container"], found["unattended"], found["broken"]) == (False, True, "")


def test_security_is_what_its_archive_has_and_a_full_one_may_remove(node: Path) -> None:
    found = look(node, "--scope", "security")
    assert [change["name"] for change in found["changes"]] == ["libssl3t64"]
    # Neither haproxy, nor a kernel by its name: its metapackage brings that.
    assert (node / "asked").read_text().splitlines()[-1] == (
        "-q --simulate install --only-upgrade libssl3t64"
    )
    assert look(node, "--scope", "full")["changes"] == [{"name": "old", "from": "1.0", "to": ""}]


def test_named_packages_are_those_that_are_here_and_not_held(node: Path) -> None:
    found = look(node, "haproxy", "patroni", "gone", "hapoxy")
    assert found["unknown"] == ["gone", "hapoxy"]
    assert (node / "asked").read_text().split("--only-upgrade ")[1] == "haproxy\n"
    (node / "asked").unlink()
    assert look(node, "patroni")["changes"] == look(node, "hapoxy")["changes"] == []
    assert not (node / "asked").exists()


def test_lists_are_renewed_when_asked_for_and_a_mirror_that_is_away_is_an_error(node: Path) -> None:
    look(node, "--refresh")
    assert (node / "asked").read_text().splitlines()[0] == "-q update --error-on=any"
    (node / "apt-get").write_text("#!/bin/sh\necho 'E: Failed to fetch' >&2\nexit 100\n")
    with pytest.raises(subprocess.CalledProcessError) as error:
        look(node, "--refresh")
    assert error.value.stderr.strip() == "apt-get update --error-on=any: E: Failed to fetch"


def test_a_dpkg_that_was_interrupted_is_said_before_apt_is_asked(node: Path) -> None:
    (node / "audit").write_text("The following packages are only half configured:\n haproxy\n")
    assert look(node)["broken"].endswith("half configured: haproxy")
    assert not (node / "asked").exists()
