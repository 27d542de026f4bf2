"""Shim: the filter lives in langflow_ha.filters, where it is typed and tested."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

# Works from a bare checkout too, where the package is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from langflow_ha.filters import members


def cluster_members(names: Any, hostvars: Any) -> list[dict[str, str]]:
    """Turn host names into `[{name, address}, …]`; see langflow_ha.filters.members."""
    try:
        return members.cluster_members(names, hostvars)
    except members.MemberError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """What Ansible looks for in a filter file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"cluster_members": cluster_members}
