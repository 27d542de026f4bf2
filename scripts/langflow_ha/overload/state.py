"""What survives a restart of the receiver: the last run, and the file by which spares are members."""

from __future__ import annotations

import json
from pathlib import Path

from langflow_ha.node.files import write_atomically
from langflow_ha.overload.decide import Outcome, Run

NOTE = "Written by the overload hook: spares that it added. The operator's own groups may take them over."


def read_run(file: Path) -> Run | None:
    """Return the last run; one that was cut off by the receiver's end has failed."""
    if not file.exists():
        return None
    told = json.loads(file.read_text(encoding="utf-8"))
    outcome = Outcome(told["outcome"])
    if outcome is Outcome.RUNNING:
        outcome = Outcome.FAILED
    return Run(float(told["began"]), str(told["spare"]), outcome)


def write_run(file: Path, run: Run) -> None:
    """Keep a run."""
    told = {"began": run.began, "spare": run.spare, "outcome": run.outcome}
    write_atomically(file, json.dumps(told) + "\n")


def read_spares(file: Path) -> tuple[str, ...]:
    """Return the spares that the inventory's file has. Raises `OSError` or `ValueError`."""
    if not file.exists():
        return ()
    text = file.read_text(encoding="utf-8").removeprefix(f"# {NOTE}\n")
    try:
        groups = json.loads(text)["all"]["children"]
        return tuple(sorted({host for group in groups.values() for host in group["hosts"]}))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f"{file} was changed by hand: mend it, or move its hosts to your own"
        ) from None


def write_spares(file: Path, groups: tuple[str, ...], spares: tuple[str, ...]) -> None:
    """Make spares members of the groups. JSON is YAML too, so that no package for it is needed."""
    hosts: dict[str, dict[str, dict[str, str]]] = {"hosts": {name: {} for name in spares}}
    children = dict.fromkeys(groups, hosts)
    text = json.dumps({"all": {"children": children}}, indent=2)
    write_atomically(file, f"# {NOTE}\n{text}\n")
