"""What counts in a flow, and what of it may be shown."""

from __future__ import annotations

from flows_helpers import SECRET, document, field
from langflow_ha.flows.documents import (
    MOST_DIFFERENCES,
    differences,
    normalized,
    text,
    typed_secrets,
    variables,
    without_secrets,
)


def test_a_flow_that_was_only_moved_or_touched_is_the_same() -> None:
    one = document(1, "a")
    two = document(1, "a") | {
        "user_id": "u",
        "folder_id": "f",
        "updated_at": "now",
        "tags": [],
        "locked": False,
    }
    two["data"]["nodes"][0] |= {"selected": True, "dragging": False, "positionAbsolute": {"x": 3}}
    assert normalized(one) == normalized(two)
    assert differences(one, two) == []


def test_a_secret_is_one_that_is_typed_not_one_that_a_variable_fills() -> None:
    flow = document(
        1,
        "a",
        api_key=field(SECRET, password=True, load_from_db=False),
        token=field("MY_TOKEN", password=True, load_from_db=True),
        empty=field("", password=True),
        prompt=field("hello"),
    )
    assert [(one.node, one.name) for one in typed_secrets(flow)] == [("Model-1", "api_key")]
    assert list(variables(flow)) == ["MY_TOKEN"]


def test_a_secret_inside_a_group_is_found() -> None:
    outer = document(1, "a")
    outer["data"]["nodes"][0]["data"]["node"]["flow"] = document(
        2, "b", key=field(SECRET, password=True)
    )
    assert len(typed_secrets(outer)) == 1


def test_what_is_taken_out_of_langflow_keeps_the_variables_and_loses_the_secrets() -> None:
    flow = document(
        1, "a", key=field(SECRET, password=True), token=field("N", password=True, load_from_db=True)
    )
    written = text(without_secrets(flow))
    assert SECRET not in written
    assert '"N"' in written


def test_a_difference_names_its_place_and_shows_no_secret() -> None:
    one = document(1, "a", key=field(SECRET, password=True), prompt=field("hello"))
    two = document(1, "a", key=field("", password=True), prompt=field("good day"))
    found = differences(one, two)
    place = "data.nodes[Model-1].data.node.template"
    assert found == [
        f"{place}.key.value: <hidden> -> nothing",
        f'{place}.prompt.value: "hello" -> "good day"',
    ]


def test_a_secret_that_becomes_a_variable_does_not_show_what_it_was() -> None:
    one = document(1, "a", key=field(SECRET, password=True, load_from_db=False))
    two = document(1, "a", key=field("N", password=True, load_from_db=True))
    assert SECRET not in "\n".join(differences(one, two))


def test_of_many_differences_the_rest_is_counted() -> None:
    one = document(1, "a", **{f"f{n}": field("x") for n in range(MOST_DIFFERENCES + 5)})
    two = document(1, "a", **{f"f{n}": field("y") for n in range(MOST_DIFFERENCES + 5)})
    found = differences(one, two)
    assert len(found) == MOST_DIFFERENCES + 1
    assert found[-1] == "… and 5 more"
