"""What was deployed came out of the archive, and nothing else could have come from anywhere."""

from __future__ import annotations

import offline
import pytest
from langflow_ha.lab.engine import Engine
from langflow_ha.lab.model import Lab

UNITS = ("etcd", "patroni", "valkey-server", "minio", "haproxy", "keepalived", "prometheus")


def _node(site: Lab, *command: str) -> tuple[int, str]:
    return Engine().execute(site.nodes[0].container, *command)


def test_nobody_has_a_way_out(site: Lab) -> None:
    outside = "exec 3<>/dev/tcp/192.0.2.1/80 || exec 3<>/dev/tcp/" + site.subnet.replace(
        "0/24", "1/22"
    )
    for name in (offline.controller(site), site.nodes[0].container):
        code, _ = Engine().execute(name, "timeout", "3", "bash", "-c", outside)
        assert code != 0, name


@pytest.mark.parametrize("unit", UNITS)
def test_it_runs(site: Lab, unit: str) -> None:
    assert _node(site, "systemctl", "is-active", f"{unit}.service") == (0, "active")


def test_apt_knows_the_archive_alone(site: Lab) -> None:
    _, said = _node(site, "apt-cache", "policy")
    sources = [line.split()[1] for line in said.splitlines() if line.strip()[:3].isdigit()]
    assert {source for source in sources if not source.startswith("/var/lib/dpkg")} == {
        source for source in sources if source.startswith("file:/var/lib/langflow-ha-packages/")
    }
    assert any(source.startswith("file:") for source in sources), said


def test_apt_refuses_a_package_that_was_altered(site: Lab) -> None:
    spoil = "set -e; cd /tmp; d=$(echo /var/lib/langflow-ha-packages/*); f=$(echo $d/rsync_*.deb); cp $f keep.deb; printf x >>$f"
    again = "d=$(echo /var/lib/langflow-ha-packages/*); mv /tmp/keep.deb $(echo $d/rsync_*.deb)"
    assert _node(site, "sh", "-c", spoil)[0] == 0
    try:
        code, said = _node(site, "apt-get", "install", "-y", "--no-install-recommends", "rsync")
        assert code != 0 and "Unable to fetch some archives" in said, said
    finally:
        _node(site, "sh", "-c", again)


def test_an_altered_archive_is_refused_before_anything_is_written(site: Lab) -> None:
    key = f"--key={offline.CARRIED}/archive-key.pub"
    command = [*offline.OPEN, f"{offline.CARRIED}/altered.tar", key, "--into=/srv/altered/kit"]
    code, said = Engine().execute(offline.controller(site), *command)
    assert code == 1 and "refused, nothing was changed" in said and "a byte was altered" in said
    assert Engine().execute(offline.controller(site), "test", "-e", "/srv/altered")[0] == 1
