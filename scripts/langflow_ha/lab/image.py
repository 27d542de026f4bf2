"""Base images of the nodes: a minimal Debian with systemd and SSH, built here from the machine's own mirror."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from langflow_ha.lab.engine import Engine
from langflow_ha.lab.host import Mirrors, mirrors
from langflow_ha.lab.model import LABS, RELEASES, LabError

NAME = "langflow-ha-node"
"""Of the images of containers, before the tag."""

INCLUDE = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "python3",
    "python3-apt",
    "sudo",
    "iproute2",
    "ca-certificates",
    "iputils-ping",
    "procps",
    "curl",
    "openssl",
    "acl",
)

_COMMON = (
    "chrony",
    "etcd-client",
    "etcd-server",
    "haproxy",
    "iptables",
    "keepalived",
    "libpq5",
    "nftables",
    "prometheus-node-exporter",
    "python3-cryptography",
    "python3-pip-whl",
    "python3-setuptools-whl",
    "python3-venv",
    "rsync",
    "socat",
)

# Downloaded into the image, not installed: the roles install them, and without a network round trip.
CACHED = {
    "trixie": (
        *_COMMON,
        "patroni",
        "postgresql-17",
        "postgresql-17-pgvector",
        "postgresql-client-17",
        "python3-etcd",
        "python3-psycopg2",
        "valkey-sentinel",
        "valkey-server",
        "valkey-tools",
    ),
    "bookworm": (*_COMMON, "postgresql-client-15", "redis-sentinel", "redis-server", "redis-tools"),
}

# Run by mmdebstrap with the image's root directory as $1. Host keys and the machine id belong to a node,
# not to an image; timers that would use the network or the package lock in the middle of a drill are off.
HOOK = """
set -e
rm -f "$1"/etc/ssh/ssh_host_*
: > "$1"/etc/machine-id
chroot "$1" passwd --quiet --delete root
printf '%s\\n' 'PermitRootLogin prohibit-password' 'PasswordAuthentication no' 'UseDNS no' \
  > "$1"/etc/ssh/sshd_config.d/10-lab.conf
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer \
  e2scrub_reap.service systemd-udevd.service systemd-udev-trigger.service getty.target \
  console-getty.service systemd-timesyncd.service; do
  ln -sf /dev/null "$1/etc/systemd/system/$unit"
done
printf '%s\\n' 'APT::Keep-Downloaded-Packages "true";' 'Binary::apt::APT::Keep-Downloaded-Packages "true";' \
  'Acquire::Languages "none";' > "$1"/etc/apt/apt.conf.d/90lab
echo force-unsafe-io > "$1"/etc/dpkg/dpkg.cfg.d/90lab
"""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what an image contains; its digest is the image's tag."""

    name: str
    release: str
    sources: tuple[str, ...]
    include: tuple[str, ...]
    cached: tuple[str, ...]
    hook: str

    @property
    def tag(self) -> str:
        """Return the image's name and tag."""
        parts = [self.release, self.sources, self.include, self.cached, self.hook]
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        return f"{self.name}:{self.release}-{digest[:12]}"

    @property
    def log(self) -> Path:
        """Return where what its building printed is kept."""
        return LABS / "images" / f"{self.tag.replace(':', '-')}.log"

    def command(self) -> list[str]:
        """Return the mmdebstrap call that writes the image as a tar stream to standard output."""
        install = 'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get install --yes --download-only'
        download = f"{install} {' '.join(self.cached)} >/dev/null" if self.cached else "true"
        return [
            "mmdebstrap",
            "--variant=minbase",
            f"--include={','.join(self.include)}",
            # Keep what was downloaded, and the lists, so that nodes install from their own disk.
            "--skip=cleanup/apt,download/empty",
            '--aptopt=APT::Install-Recommends "false"',
            '--aptopt=APT::Keep-Downloaded-Packages "true"',
            '--aptopt=Binary::apt-get::APT::Keep-Downloaded-Packages "true"',
            f"--customize-hook={self.hook}",
            f"--customize-hook={download}",
            # mmdebstrap's own apt options are not meant to stay in the image.
            '--customize-hook=rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap',
            self.release,
            "-",
            *self.sources,
        ]


def recipe(system: str, found: Mirrors | None = None) -> Recipe:
    """Return the recipe of an operating system (debian13, debian12) for this machine's mirror."""
    release = RELEASES[system]
    sources = (found or mirrors()).sources(release)
    return Recipe(NAME, release, tuple(sources), INCLUDE, CACHED[release], HOOK)


def build(wanted: Recipe, into: Sequence[str], say: Callable[[str], None]) -> None:
    """Build a tree and feed it as a tar stream to the command `into`; LabError when either fails."""
    log = wanted.log
    log.parent.mkdir(parents=True, exist_ok=True)
    say(f"building {wanted.tag} (about a minute; log in {log})")
    prefix: Sequence[str] = [] if os.geteuid() == 0 else ["sudo", "-n"]
    try:
        with log.open("w", encoding="utf-8") as out:
            builder = subprocess.Popen(
                [*prefix, *wanted.command()], stdout=subprocess.PIPE, stderr=out, cwd="/"
            )
            taken = subprocess.run(into, stdin=builder.stdout, stdout=out, stderr=out, check=False)
            if builder.stdout is not None:
                builder.stdout.close()
            failed = builder.wait() != 0
    except FileNotFoundError as error:
        raise LabError(f"there is no {error.filename} command; run `make setup`") from error
    if failed or taken.returncode != 0:
        tail = "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-8:])
        raise LabError(f"building {wanted.tag} failed; end of {log}:\n{tail}")


def ensure_built(engine: Engine, wanted: Recipe, say: Callable[[str], None]) -> str:
    """Return the tag of an image, building it when it is not there."""
    if not engine.succeeds("image", "inspect", wanted.tag):
        try:
            build(wanted, [*engine.prefix, "import", "-", wanted.tag], say)
        except LabError:
            # The engine imports half a stream too.
            engine.succeeds("image", "rm", wanted.tag)
            raise
    return wanted.tag


def ensure(engine: Engine, system: str, say: Callable[[str], None]) -> str:
    """Return the tag of the image of an operating system, building it when it is not there."""
    return ensure_built(engine, recipe(system), say)
