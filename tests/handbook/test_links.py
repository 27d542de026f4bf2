"""Links that hold in the repository hold in the site too."""

from __future__ import annotations

import pytest
from langflow_ha.handbook.links import beyond, for_site


@pytest.mark.parametrize(
    ("source", "link", "made"),
    [
        ("docs/storage.md", "[a](../roles/etcd/README.md)", "[a](roles/etcd.md)"),
        ("docs/playbooks/site.md", "[a](../backup.md#restore)", "[a](../backup.md#restore)"),
        ("docs/adopt.md", "[a](../README.md#deploy-a-site)", "[a](index.md#deploy-a-site)"),
        ("roles/upgrade/README.md", "[a](../../docs/upgrade.md)", "[a](../upgrade.md)"),
        ("roles/upgrade/README.md", "[a](../../playbooks/upgrade.yml)", "a"),
        ("README.md", "![a](docs/images/x.png)", "![a](images/x.png)"),
        ("README.md", "[a](https://x.example/docs/y.md)", "[a](https://x.example/docs/y.md)"),
        ("docs/drills.md", "[a](#the-catalogue)", "[a](#the-catalogue)"),
    ],
)
def test_a_link_leads_to_the_same_in_the_site(source: str, link: str, made: str) -> None:
    assert for_site(link, source) == made


def test_what_the_site_lacks_is_named_to_be_looked_for() -> None:
    text = "[a](../../docs/upgrade.md) [b](../../playbooks/gone.yml) [c](https://x.example/)"
    assert beyond(text, "roles/upgrade/README.md") == ["playbooks/gone.yml"]
