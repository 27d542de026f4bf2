"""Runs the module of the same name and adds when: the controller's time before and after."""

from __future__ import annotations

import time
from ipaddress import ip_interface
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]
    """Observes a node. Argument `node`: the role's variables for it, kept with the result."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Observe, between two looks at the controller's clock."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        node = self._task.args["node"]
        probe = (
            [str(ip_interface(str(vip)).ip) for vip in node["vips"]]
            if "balancer" in node["components"]
            else []
        )
        arguments = {
            "probe": probe,
            "share_server": node["share_server"],
            "share_directory": node["share_directory"],
        }
        # The node looks at its clock when the module ends. For the controller that is not before
        # the start plus the time that the module took, and not after the end.
        before = time.time()
        outcome = self._execute_module(
            module_name="preflight_node", module_args=arguments, task_vars=task_vars
        )
        after = time.time()
        before += float(outcome.get("elapsed", 0))
        return {**result, **outcome, "node": node, "before": before, "after": after}
