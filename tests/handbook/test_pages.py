"""What the handbook says of other files is what they say."""

from __future__ import annotations

import re

import pytest
import yaml
from langflow_ha import ROOT
from langflow_ha.reference.ports import ports

PARTS = {
    "preflight_inventory",
    "reload_certificates",
    "restart_marked",
    "restore_swap",
    "upgrade_back",
    "upgrade_roll",
    "upgrade_roll_back",
}
"""Playbooks that others import; an operator runs none of them."""


def test_every_playbook_has_a_runbook_and_no_other() -> None:
    playbooks = {file.stem for file in ROOT.glob("playbooks/*.yml")} - PARTS
    pages = {file.stem for file in ROOT.glob("docs/playbooks/*.md")} - {"index"}
    assert pages == playbooks
    index = (ROOT / "docs/playbooks/index.md").read_text("utf-8")
    assert set(re.findall(r"\[(\w+)\.yml\]\(\1\.md\)", index)) == playbooks


def test_every_runbook_says_when_what_and_how_back() -> None:
    for page in ROOT.glob("docs/playbooks/*.md"):
        text = page.read_text("utf-8")
        wanted = ["When.", "Before.", "What happens.", "When it stops.", "Back."]
        assert page.stem == "index" or re.findall(r"^\*\*(.+?)\*\*", text, re.M) == wanted, page
        assert page.stem == "index" or f"playbooks/{page.stem}.yml" in text


def test_the_sizes_are_the_ones_that_preflight_asks_for() -> None:
    defaults = yaml.safe_load((ROOT / "roles/preflight/defaults/main.yml").read_text("utf-8"))
    kinds = ("minimum_memory_mb", "minimum_disk_mb", "minimum_cpus")
    tables = [defaults[f"preflight_{kind}"] for kind in kinds]
    rows = re.findall(
        r"^\| (\w+)(?: \(every node\))? \| (\d+) \| ([\d–]+) \| ([\d–]+) \|$",
        (ROOT / "docs/sizing.md").read_text("utf-8"),
        re.M,
    )
    assert [row[0] for row in rows] == list(tables[0])
    for group, *cells in rows:
        assert cells == [str(table.get(group, "–")) for table in tables], group


def test_a_source_that_the_table_of_ports_cannot_name_is_refused() -> None:
    rule = {"name": "x", "ports": [1], "sources": "{{ something_new }}", "at": "cluster"}
    with pytest.raises(ValueError, match="something_new"):
        ports([rule])
