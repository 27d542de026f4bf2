"""The role sets up nothing where nothing answers, and says beforehand what it would set up."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from gpu_helpers import stand_in
from playbook_helpers import run_playbook, said


def planned(tmp_path: Path, program: Path, enabled: bool = True) -> str:
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "roles": ["gpu_metrics"],
        "vars": {"gpu_metrics_enabled": enabled, "gpu_metrics_command": str(program)},
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    done = run_playbook("--check", "--diff", tmp_path / "play.yml")
    assert done.returncode == 0, said(done)
    return said(done)


@pytest.mark.playbooks
def test_without_the_program_nothing_is_set_up(tmp_path: Path) -> None:
    assert "changed=0" in planned(tmp_path, tmp_path / "none")


@pytest.mark.playbooks
def test_without_a_card_nothing_is_set_up(tmp_path: Path) -> None:
    program = stand_in(tmp_path, "echo NVIDIA-SMI has failed", "exit 9")
    assert "changed=0" in planned(tmp_path, program)


@pytest.mark.playbooks
def test_where_it_is_off_no_card_is_asked(tmp_path: Path) -> None:
    program = stand_in(tmp_path, f"touch {tmp_path}/asked")
    assert "changed=0" in planned(tmp_path, program, enabled=False)
    assert not (tmp_path / "asked").exists()


@pytest.mark.playbooks
def test_with_a_card_the_unit_is_planned(tmp_path: Path) -> None:
    program = stand_in(tmp_path, "echo 'GPU 0: Tesla T4 (UUID: GPU-aaaa)'")
    answer = planned(tmp_path, program)
    assert f"--command {program}" in answer
    assert "changed=2" in answer
