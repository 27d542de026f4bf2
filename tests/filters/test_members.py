"""cluster_members: order kept, the right address chosen, the host named when there is none."""

import pytest
from langflow_ha.filters.members import MemberError, cluster_members

HOSTS = {
    "n1": {"ansible_host": "198.18.10.11"},
    "n2": {"ansible_host": "203.0.113.2", "cluster_address": "198.18.10.12"},
    "n3": {"ansible_host": ""},
}


def test_cluster_address_wins_and_order_is_kept() -> None:
    assert cluster_members(["n2", "n1"], HOSTS) == [
        {"name": "n2", "address": "198.18.10.12"},
        {"name": "n1", "address": "198.18.10.11"},
    ]


def test_no_group_is_no_members() -> None:
    assert cluster_members([], HOSTS) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("n3", "host n3 has neither cluster_address nor ansible_host"),
        ("n9", "host n9 is in a group"),
    ],
)
def test_host_without_address_is_named(name: str, message: str) -> None:
    with pytest.raises(MemberError, match=message):
        cluster_members(["n1", name], HOSTS)
