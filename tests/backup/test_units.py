"""Every timer of the role `backup` starts an instance of a unit that the role writes, and the keeper knows its command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from langflow_ha.keeper import cli

VARS = yaml.safe_load((Path(__file__).parents[2] / "roles/backup/vars/main.yml").read_text("utf-8"))


@pytest.mark.parametrize("job", VARS["__backup_jobs"], ids=lambda job: str(job["name"]))
def test_timer_starts_a_command_of_the_keeper(job: dict[str, Any]) -> None:
    unit, _, instance = job["service"].removesuffix(".service").partition("@")
    (service,) = (s for s in VARS["__backup_services"] if s["name"] == f"{unit}@.service")
    words = service["command"].replace("%i", instance).split()
    assert cli._arguments().parse_args(words).command == words[0]


def test_backups_are_made_under_their_own_names() -> None:
    made = {j["name"]: j["service"] for j in VARS["__backup_jobs"] if "-run@" in j["service"]}
    assert all(service.endswith(f"@{name}.service") for name, service in made.items())
    assert "full" in made
