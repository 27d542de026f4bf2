from __future__ import annotations

from langflow_ha.keeper import figures


def test_equal_figures_have_no_difference() -> None:
    same = {"langflow.public.flow": "3:42", "langflow.public.user": "1:7"}
    assert figures.differences(same, dict(same)) == []


def test_every_difference_is_told() -> None:
    claimed = {"d.s.gone": "1:1", "d.s.fewer": "3:9", "d.s.other": "2:5", "d.s.same": "0:0"}
    restored = {"d.s.fewer": "2:4", "d.s.other": "2:6", "d.s.same": "0:0", "d.s.more": "1:1"}
    assert figures.differences(claimed, restored) == [
        "d.s.fewer: 3 rows claimed, 2 restored",
        "d.s.gone is missing in the restore",
        "d.s.more is in the restore only",
        "d.s.other: 2 rows, other content",
    ]


def test_output_is_read_back_with_odd_names() -> None:
    assert figures.parsed("langflow", ['public."odd|name"|4:-12']) == {
        'langflow.public."odd|name"': "4:-12"
    }
