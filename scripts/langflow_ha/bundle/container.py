"""Builds run in a container of the target system, with this machine's package settings passed through."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from langflow_ha import ROOT
from langflow_ha.lab import image
from langflow_ha.lab.engine import Engine

Say = Callable[[str], None]

CONTAINER_CAS = "/etc/ssl/certs/ca-certificates.crt"
CACHE = ROOT / ".cache"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_GO = ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOPROXY")


class BuildError(Exception):
    """A build failed; the text ends with the last lines of its log."""


def pip_configurations(environment: Mapping[str, str], home: Path) -> dict[Path, str]:
    """Return pip's configuration files of this machine and where they belong in the container."""
    own = environment.get("PIP_CONFIG_FILE")
    candidates = {
        Path("/etc/pip.conf"): "/etc/pip.conf",
        home / ".pip" / "pip.conf": "/root/.pip/pip.conf",
        home / ".config" / "pip" / "pip.conf": "/root/.config/pip/pip.conf",
    }
    if own:
        candidates[Path(own)] = own
    return {source: target for source, target in candidates.items() if source.is_file()}


def passed_environment(environment: Mapping[str, str], go: Mapping[str, str]) -> dict[str, str]:
    """Return the variables a build needs: proxies, pip's options, Go's module settings."""
    passed = {name: environment[name] for name in _PROXIES if environment.get(name)}
    passed |= {name: value for name, value in environment.items() if name.startswith("PIP_")}
    for name in ("PIP_CERT", "PIP_REQUIRE_VIRTUALENV"):
        passed.pop(name, None)
    passed |= {name: value for name in _GO if (value := environment.get(name) or go.get(name, ""))}
    return passed


def go_settings() -> dict[str, str]:
    """Return this machine's Go module settings (`go env`); empty when it has no Go."""
    try:
        result = subprocess.run(
            ["go", "env", *_GO], capture_output=True, text=True, check=True, cwd="/"
        )
    except (OSError, subprocess.CalledProcessError):
        return {}
    return dict(zip(_GO, result.stdout.splitlines(), strict=False))


def run(
    system: str,
    script: str,
    say: Say,
    *,
    inputs: Mapping[str, Path],
    output: Path,
    environment: Mapping[str, str],
    caches: Mapping[str, str],
) -> None:
    """Run a build script of this package in a new container of `system`; BuildError when it fails.

    `inputs` are mounted read-only at /in/<key>, `output` at /out, and `caches` (directory under .cache/ ->
    path in the container) are kept between builds. Lines "step …" of the script are shown, with seconds.
    """
    engine = Engine()
    engine.check()
    tag = image.ensure(engine, system, say)
    output.mkdir(parents=True, exist_ok=True)
    # The host's network: a mirror or a proxy on this machine stays reachable.
    command = ["run", "--rm", "--network", "host", "--volume", f"{output}:/out"]
    mounts = {f"/in/{name}": path for name, path in inputs.items()}
    mounts["/in/build.sh"] = Path(__file__).parent / script
    for source, target in pip_configurations(os.environ, Path.home()).items():
        mounts[target] = source
    authorities = Path(os.environ.get("SSL_CERT_FILE") or CONTAINER_CAS)
    if authorities.is_file():
        mounts[CONTAINER_CAS] = authorities
    links = os.environ.get("PIP_FIND_LINKS", "")
    if links and Path(links).is_dir():
        mounts[links] = Path(links)
    for target, path in mounts.items():
        command += ["--volume", f"{path.resolve()}:{target}:ro"]
    for name, target in caches.items():
        (CACHE / name).mkdir(parents=True, exist_ok=True)
        command += ["--volume", f"{CACHE / name}:{target}"]
    variables = {
        **passed_environment(os.environ, go_settings()),
        **environment,
        "DEBIAN_FRONTEND": "noninteractive",
        "OWNER": f"{os.getuid()}:{os.getgid()}",
        "PIP_CERT": CONTAINER_CAS,
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    # By name only: a value (an index with a password) must not show in the process list.
    for name in variables:
        command += ["--env", name]
    command += [tag, "sh", "/in/build.sh"]
    _follow([*engine.prefix, *command], {**os.environ, **variables}, say)


def _follow(command: list[str], environment: Mapping[str, str], say: Say) -> None:
    started = time.monotonic()
    tail: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        for line in process.stdout or ():
            if line.startswith("step "):
                say(f"[{time.monotonic() - started:5.0f} s] {line[5:].rstrip()}")
            else:
                tail = [*tail[-29:], line.rstrip()]
    if process.returncode != 0:
        raise BuildError("the build failed; it ended with\n  " + "\n  ".join(tail))
