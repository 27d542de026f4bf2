"""A site without a way out, in containers: a controller that has nothing but the archive, and a node that has cached nothing.

Run as a program, with one of STEPS. The archive holds the last commit, as archives do.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from langflow_ha.bundle import archive
from langflow_ha.lab import image, service
from langflow_ha.lab.engine import LABEL, Engine
from langflow_ha.lab.model import Lab

PARTS = ("cluster", "balancer", "etcd", "postgresql", "valkey", "minio", "monitoring")
KIT = "/srv/kit"
CARRIED, SITE = "/carried", "/site"
OPEN = ("python3", f"{CARRIED}/{archive.OPENER}")
EXTRA = json.dumps({"packages_from_archive": True, "preflight_skip": ["sizes"]})
FORGET = "rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb"


def lab() -> Lab:
    """Return the scenario's lab."""
    return service.load(f"molecule-{os.environ['MOLECULE_SCENARIO_NAME']}")


def controller(site: Lab) -> str:
    """Name of the controller's container."""
    return f"lfha-{site.name}-controller"


def carried(site: Lab) -> Path:
    """Return the directory that is carried over."""
    return site.directory.resolve() / "carried"


def _rules(site: Lab) -> list[list[str]]:
    """Return the rules that cut the lab off: out of its bridge, and to this machine except answers. Without the verb."""
    bridge = "br-" + Engine().run("network", "inspect", "--format", "{{.Id}}", site.network)[:12]
    out = ["-i", bridge, "!", "-o", bridge, "-j", "DROP"]
    here = ["-i", bridge, "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP"]
    # Neighbour discovery of IPv6 would count as new.
    here6 = ["-i", bridge, "-p", "tcp", *here[2:]]
    return [
        ["iptables", "DOCKER-USER", *out],
        ["iptables", "INPUT", *here],
        ["ip6tables", "FORWARD", *out],
        ["ip6tables", "INPUT", *here6],
    ]


def _as_root(command: list[str]) -> bool:
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    return subprocess.run([*prefix, *command], check=False, capture_output=True).returncode == 0


def cut(site: Lab) -> None:
    """Cut the way out. Twice is as good as once."""
    for program, chain, *rule in _rules(site):
        if not _as_root([program, "-C", chain, *rule]):
            assert _as_root([program, "-I", chain, *rule]), f"{program} {chain} {rule}"


def mend(site: Lab) -> None:
    """Take the rules away again: only these."""
    for program, chain, *rule in _rules(site):
        while _as_root([program, "-D", chain, *rule]):
            pass


def make_archive(site: Lab) -> None:
    """Make key and archive for what deploy.yml installs."""
    directory = carried(site)
    directory.mkdir(exist_ok=True)
    key = site.directory / "archive-key"
    if not key.exists():
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)]
        subprocess.run(keygen, check=True)
    plan = archive.Plan(archive.kit_name(), ("debian13",), ("debian13",), PARTS, ())
    archive.make(plan, [], key, directory / "archive.tar", print)
    public = key.with_name(f"{key.name}.pub").read_text("ascii")
    (directory / "archive-key.pub").write_text(public, "ascii")
    altered = bytearray((directory / "archive.tar").read_bytes())
    altered[len(altered) // 2] ^= 1
    (directory / "altered.tar").write_bytes(altered)


def start_controller(site: Lab) -> None:
    """Start a bare Debian beside the nodes. It sees what was carried over, and the site's inventory where that lies."""
    engine = Engine()
    name = controller(site)
    if name in engine.states(site.name):
        return
    arguments = ["--detach", "--name", name, "--label", f"{LABEL}={site.name}"]
    arguments += ["--network", site.network, "--volume", f"{carried(site)}:{CARRIED}:ro"]
    arguments += ["--volume", f"{site.directory.resolve()}:{site.directory.resolve()}:ro"]
    tag = image.ensure(engine, "debian13", print)
    engine.run("run", *arguments, tag, "sleep", "infinity")


def prepare() -> None:
    """Make the archive, start the controller, and take from all what would need no archive."""
    site = lab()
    make_archive(site)
    start_controller(site)
    for name in (controller(site), *(node.container for node in site.nodes)):
        code, said = Engine().execute(name, "sh", "-c", FORGET)
        assert code == 0, said
    cut(site)


def on_controller(site: Lab, *command: str) -> str:
    """Run a command on the controller; AssertionError with what it said when it fails."""
    code, said = Engine().execute(controller(site), *command)
    assert code == 0, said[-4000:]
    return said


def play(site: Lab, playbook: str, *options: str) -> str:
    """Run a playbook of the opened kit on the controller."""
    variables = {
        "PATH": f"{KIT}/.venv/bin:/usr/bin:/usr/sbin",
        "ANSIBLE_CONFIG": f"{KIT}/ansible.cfg",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_VAULT_PASSWORD_FILE": str(site.vault_password_file.resolve()),
    }
    given = [f"{name}={value}" for name, value in variables.items()]
    inventory = ["-i", str(site.inventory.resolve()), "-e", EXTRA]
    run = ["env", "-C", KIT, *given, "ansible-playbook", *inventory, playbook, *options]
    return on_controller(site, *run)


def deploy() -> None:
    """Open, set up, deploy; a check and a second run change nothing."""
    site = lab()
    if Engine().execute(controller(site), "test", "-e", KIT)[0] != 0:
        key = f"--key={CARRIED}/archive-key.pub"
        print(on_controller(site, *OPEN, f"{CARRIED}/archive.tar", key, f"--into={KIT}"))
    print(on_controller(site, f"{KIT}/scripts/bootstrap", "python"))
    for playbook in ("playbooks/packages.yml", "molecule/airgap/deploy.yml"):
        print(play(site, playbook)[-1500:])
    for options in (["--check"], []):
        again = play(site, "molecule/airgap/deploy.yml", *options)
        assert re.search(r"changed=0 ", again), again[-4000:]


def restore() -> None:
    """Give the lab its way out back, before it goes."""
    name = f"molecule-{os.environ['MOLECULE_SCENARIO_NAME']}"
    if name in service.names():
        mend(service.load(name))


STEPS = {"prepare": prepare, "deploy": deploy, "restore": restore}

if __name__ == "__main__":
    STEPS[sys.argv[1]]()
