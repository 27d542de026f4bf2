"""The scenarios find their tests: molecule calls a scenario without any verified."""

from __future__ import annotations

from pathlib import Path
from string import Template

import yaml
from langflow_ha.preflight.specs import ROOT

SCENARIOS = sorted(file.parent for file in (ROOT / "molecule").glob("*/molecule.yml"))
BASE = yaml.safe_load((ROOT / ".config/molecule/config.yml").read_text("utf-8"))


def test_every_scenario_verifies_with_tests_that_are_there() -> None:
    assert SCENARIOS
    shared = Template(BASE["verifier"]["directory"]).substitute(MOLECULE_PROJECT_DIRECTORY=ROOT)
    for scenario in SCENARIOS:
        own = yaml.safe_load((scenario / "molecule.yml").read_text("utf-8"))
        directory = scenario / own.get("verifier", {}).get("directory", shared)
        assert list(Path(directory).rglob("test_*.py")), f"{scenario.name}: none in {directory}"
        assert "verify" in own["scenario"]["test_sequence"], scenario.name
