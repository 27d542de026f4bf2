"""bundle.yml asks for what the inventory needs, and for nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from langflow_ha import ROOT
from langflow_ha.lab import inventory, model
from playbook_helpers import run_playbook, said

pytestmark = pytest.mark.playbooks


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> model.Lab:
    monkeypatch.setattr(model, "LABS", tmp_path)
    lab = model.plan("blue")
    (tmp_path / "blue").mkdir()
    inventory.write(lab, lambda _: None)
    return lab


def test_the_parts_of_the_inventory_are_asked_for(site: model.Lab, tmp_path: Path) -> None:
    command, key = tmp_path / "langflow-ha", tmp_path / "key"
    command.write_text(f'#!/bin/sh\necho "$*" >{tmp_path}/asked\necho "a.tar would be made"\n')
    command.chmod(0o755)

    def run(given: dict[str, object], *options: str) -> str:
        done = run_playbook(
            *("-i", site.inventory, ROOT / "playbooks" / "bundle.yml"),
            *("-e", json.dumps({"bundle_command": str(command), "bundle_key": str(key)} | given)),
            *options,
            ANSIBLE_VAULT_PASSWORD_FILE=str(site.vault_password_file),
        )
        return said(done)

    text = run({})
    assert "that is no file on the controller. Make a key with `ssh-keygen" in text
    assert not (tmp_path / "asked").exists()

    key.write_text("")
    text = run({"central_logs": True, "bundle_systems": ["debian13", "debian12"]}, "--check")
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:4] == ["bundle", "archive", "--key", str(key)] and asked[-1] == "--plan"
    assert [word for word in asked if word.startswith(("--os", "--version"))] == [
        *("--os=debian13", "--os=debian12", "--version=1.13.0")
    ]
    parts = {word.removeprefix("--component=") for word in asked if word.startswith("--component")}
    assert parts == {
        *("cluster", "balancer", "langflow", "etcd", "postgresql", "valkey", "minio"),
        *("monitoring", "backup", "logs"),
    }
    assert "changed=1" in text and "unreachable=0" in text
