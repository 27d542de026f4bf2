"""Shim: runs langflow_ha.preflight.inventory over the inventory; reaches no node."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# Works from a bare checkout too, where the package is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))

from langflow_ha.preflight.gather import file_reader, host_variables
from langflow_ha.preflight.inventory import notes, problems
from langflow_ha.preflight.model import World
from langflow_ha.preflight.report import count, lines, note_lines
from langflow_ha.preflight.specs import load_specs, wiring_names


class ActionModule(ActionBase):  # type: ignore[misc]
    """Fails with every problem of the inventory; argument `skip` names checks to leave out."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Check the inventory that the play runs with."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        hostvars, groups = task_vars["hostvars"], task_vars["groups"]
        specs, wiring = load_specs(), wiring_names()
        hosts = {
            host: host_variables(hostvars.raw_get(host), hostvars[host].__getitem__, specs, wiring)
            for host in groups.get("all", [])
        }
        site = (
            hosts,
            {group: list(members) for group, members in groups.items()},
            specs,
            specs.names() | wiring,
            World(datetime.now(UTC), file_reader(Path(task_vars.get("playbook_dir", ".")))),
        )
        found = problems(*site, self._task.args.get("skip") or [])
        if not found:
            for text, colour in note_lines(notes(*site)):
                Display().display(text, color=colour)
            return {
                **result,
                "changed": False,
                "msg": f"The inventory of {len(hosts)} hosts is good.",
            }
        for text, colour in lines(found, "the inventory"):
            Display().display(text, color=colour)
        return {**result, "failed": True, "msg": f"{count(found)}, listed above"}
