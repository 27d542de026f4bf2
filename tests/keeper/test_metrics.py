from __future__ import annotations

import re

import yaml
from langflow_ha.keeper import metrics
from langflow_ha.keeper.decide import states
from langflow_ha.keeper.model import Backup, Inventory, Kind
from langflow_ha.preflight.specs import ROOT

RULES = ROOT / "roles/prometheus/files/rules/backup.yml"
PROOF = {
    "verify_timestamp_seconds": 1.0,
    "verify_success": 1.0,
    "verify_restore_seconds": 2.0,
    "verify_size_bytes": 3.0,
}


def text() -> str:
    newest = Backup(Kind.DATABASE, "a", at=1700000000.5, size=5000, stored=800, seconds=6)
    found = states(Inventory(1700003600, (newest,)), {Kind.DATABASE: 30.0, Kind.FLOWS: 3.0})
    return metrics.rendered(
        metrics.samples(found, True, 2, metrics.Archive(failing=True, waiting=7), PROOF)
    )


def test_format() -> None:
    lines = text().splitlines()
    assert 'langflow_backup_last_success_timestamp_seconds{kind="database"} 1700000000.5' in lines
    assert 'langflow_backup_last_success_timestamp_seconds{kind="flows"} 0' in lines
    assert "langflow_backup_problems 2" in lines
    assert "langflow_backup_archive_failing 1" in lines
    helps = [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert len(helps) == len(set(helps))


def test_every_metric_has_a_help_and_every_help_a_metric() -> None:
    names = {line.split("{")[0].split()[0] for line in text().splitlines() if line[0] != "#"}
    assert names == {f"{metrics.PREFIX}_{name}" for name in metrics.HELP}


def test_alert_rules_use_metrics_that_exist() -> None:
    rules = [r for g in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for r in g["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 5
    for rule in rules:
        used = set(re.findall(r"langflow_backup_(\w+)", rule["expr"]))
        assert used, rule["alert"]
        assert used <= set(metrics.HELP), rule["alert"]
