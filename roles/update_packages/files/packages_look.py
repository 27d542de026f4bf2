#!/usr/bin/python3 -IS
"""What an update of this node's packages would change, and what of it a process still has to take up; prints JSON.

    packages_look.py [--refresh] [--scope all|full|security] [PACKAGE…]

Changes nothing; ``--refresh`` renews apt's lists. With names: only those. What is held stays as it is. Exit code 1 with the
reason on stderr where apt cannot say. Standard library only, Python 3.11.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

REBOOT_REQUIRED = Path("/run/reboot-required")
WAYS = {"all": ["upgrade", "--with-new-pkgs"], "full": ["dist-upgrade"]}
KEPT_BACK = "The following packages have been kept back:"
CHANGE = re.compile(
    r"^(?P<verb>Inst|Remv) (?P<name>\S+)(?: \[(?P<old>[^\]]*)\])?(?: \((?P<new>\S+) (?P<source>[^\[]*))?"
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command with English output, whatever its exit code."""
    english = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=english, check=False, capture_output=True, text=True)


def apt(*arguments: str) -> str:
    """Ask apt-get; leave with its words where it refuses."""
    done = run("apt-get", "-q", *arguments)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        sys.exit(f"apt-get {' '.join(arguments)}: {'; '.join(lines) or done.stderr.strip()}")
    return done.stdout


def changes(simulated: str) -> list[dict[str, str]]:
    """Return what a simulation would do: name, version before ("": new) and after ("": removed)."""
    found = {}
    for line in simulated.splitlines():
        if match := CHANGE.match(line):
            part = {key: value or "" for key, value in match.groupdict().items()}
            new = part["new"] if part["verb"] == "Inst" else ""
            found[part["name"]] = {
                "name": part["name"],
                "from": part["old"],
                "to": new,
                "source": part["source"].strip(),
            }
    return list(found.values())


def kept_back(simulated: str) -> list[str]:
    """Return what would need a removal, or is phased."""
    if KEPT_BACK not in simulated:
        return []
    lines = simulated.split(KEPT_BACK, 1)[1].splitlines()[1:]
    names = []
    for line in lines:
        if not line.startswith(" "):
            break
        names += line.split()
    return names


def planned(scope: str, only: list[str], held: list[str]) -> tuple[list[dict[str, str]], list[str]]:
    """Return the changes, and what is kept back."""
    if not only and scope in WAYS:
        simulated = apt("--simulate", *WAYS[scope])
        # What is held is kept back too, and told by itself.
        return changes(simulated), [name for name in kept_back(simulated) if name not in held]
    names = only or [
        change["name"]
        for change in changes(apt("--simulate", *WAYS["all"]))
        if change["from"] and "-security" in change["source"].lower()
    ]
    wanted = [name for name in names if name not in held]
    return (changes(apt("--simulate", "install", "--only-upgrade", *wanted)) if wanted else []), []


def unattended() -> bool:
    """Tell whether the node updates itself, at a time of its own."""
    if not shutil.which("unattended-upgrade"):
        return False
    words = run("apt-config", "shell", "every", "APT::Periodic::Unattended-Upgrade").stdout
    return bool(words.strip()) and "'0'" not in words


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--refresh", action="store_true")
    parser.add_argument("--scope", choices=("all", "full", "security"), default="all")
    parser.add_argument("only", nargs="*")
    options = parser.parse_args()
    if options.refresh:
        # Without this a mirror that does not answer is a warning, and the plan is one of last week.
        apt("update", "--error-on=any")
    held = run("apt-mark", "showhold").stdout.split()
    installed = run(
        "dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n"
    ).stdout
    here = {line.split()[1] for line in installed.splitlines() if line.startswith("installed ")}
    # After a dpkg that was killed apt refuses everything; dpkg itself says it best.
    broken = run("dpkg", "--audit").stdout.split("\n\n")[0].split()
    only = [name for name in options.only if name in here]
    nothing = broken or (options.only and not only)
    todo, back = ([], []) if nothing else planned(options.scope, only, held)
    told = run("needrestart", "-b", "-r", "l").stdout if shutil.which("needrestart") else ""
    print(
        json.dumps(
            {
                "changes": [{k: v for k, v in c.items() if k != "source"} for c in todo],
                "kept_back": back,
                "held": held,
                "unknown": [name for name in options.only if name not in here],
                "broken": " ".join(broken),
                "stale": re.findall(r"^NEEDRESTART-SVC: (\S+)$", told, re.M),
                # 2: the running kernel was rebuilt, 3: there is a newer one.
                "boot": REBOOT_REQUIRED.exists()
                or bool(re.search(r"^NEEDRESTART-KSTA: [23]$", told, re.M)),
                "container": run("systemd-detect-virt", "--container", "--quiet").returncode == 0,
                "unattended": unattended(),
            }
        )
    )


if __name__ == "__main__":
    main()
