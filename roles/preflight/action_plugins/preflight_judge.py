"""Shim: hands what preflight_node observed on all nodes to langflow_ha.preflight.nodes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# Works from a bare checkout too, where the package is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))

from langflow_ha.preflight import members
from langflow_ha.preflight.artefacts import manifest_problems
from langflow_ha.preflight.gather import plain
from langflow_ha.preflight.nodes import from_result, problems
from langflow_ha.preflight.report import count, lines


class ActionModule(ActionBase):  # type: ignore[misc]
    """Fails with every problem of the nodes in the play; reads the registered `observed` and `told` of each."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Judge all nodes of the play together."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        hosts = [str(host) for host in task_vars["ansible_play_hosts_all"]]
        registered = self._task.args["observed"]
        hostvars = task_vars["hostvars"]
        nodes = {host: from_result(plain(hostvars[host].get(registered, {}))) for host in hosts}
        # With --limit a balancer outside the batch may rightly answer at the virtual address.
        complete = set(task_vars["groups"].get("balancer", [])) <= set(hosts)
        skip = self._task.args.get("skip") or []
        found = problems(nodes, complete=complete, skip=skip)
        told = {host: plain(hostvars[host].get(self._task.args["told"], {})) for host in hosts}
        known = (plain(self._task.args[name]) for name in ("members", "removed", "leaving"))
        found += members.problems(members.from_results(told, *known), skip)
        for manifest in self._task.args.get("manifests") or []:
            found += manifest_problems(Path(str(manifest)))
        if not found:
            return {**result, "changed": False, "msg": f"All {len(nodes)} nodes are fit."}
        for text, colour in lines(found, "the nodes"):
            Display().display(text, color=colour)
        return {**result, "failed": True, "msg": f"{count(found)}, listed above"}
