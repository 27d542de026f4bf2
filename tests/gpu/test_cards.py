"""What nvidia-smi prints becomes metrics, and a card that is gone is missed."""

from __future__ import annotations

import pytest
from gpu_helpers import CONSUMER, LOST, NAMELESS, T4, TITLES, said
from langflow_ha.gpu.cards import QUERY, learn, lines, parse

BOTH = parse(said(T4, CONSUMER))


def samples(*arguments: object) -> dict[str, float]:
    """Metric and index of the card → value."""
    found = {}
    for line in lines(*arguments):  # type: ignore[arg-type]
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            gpu = name.partition('gpu="')[2][:1]
            found[name.split("{")[0].removeprefix("langflow_ha_gpu_") + gpu] = float(value)
    return found


def test_figures_have_prometheus_units() -> None:
    told = samples(learn([], BOTH), BOTH)
    assert told["utilization_ratio0"] == pytest.approx(0.34)
    assert told["memory_used_bytes0"] == 13000 * 2**20
    assert told["memory_total_bytes1"] == 24564 * 2**20
    assert (told["temperature_celsius0"], told["power_watts0"]) == (61, 66.32)
    assert (told["corrected_errors_total0"], told["uncorrected_errors_total0"]) == (3, 0)
    assert (told["readable"], told["up0"], told["up1"]) == (1, 1, 1)


def test_what_a_card_does_not_know_is_left_out() -> None:
    told = samples(learn([], BOTH), BOTH)
    assert {"power_watts1", "corrected_errors_total1"} & set(told) == set()


@pytest.mark.parametrize("row", [[LOST], [NAMELESS], [], ["1, GPU-bb"]])
def test_a_lost_card_is_down_and_the_other_is_not(row: list[str]) -> None:
    known = learn([], BOTH)
    answer = parse(said(T4, *row))
    told = samples(learn(known, answer), answer)
    assert (told["readable"], told["up0"], told["up1"]) == (1, 1, 0)
    assert "utilization_ratio1" not in told


def test_without_an_answer_every_known_card_is_down() -> None:
    assert samples(learn([], BOTH), None) == {"readable": 0, "up0": 0, "up1": 0}


def test_a_card_is_known_by_its_uuid() -> None:
    """With the first one gone, the second is counted from 0."""
    answer = parse(said(CONSUMER.replace("1, ", "0, ", 1)))
    known = learn(learn([], BOTH), answer)
    assert [(card.index, card.uuid) for card in known] == [("0", "GPU-aaaa"), ("0", "GPU-bbbb")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
        'Field "power.draw" is not a valid field to query.\n',
        said(T4).replace("[MiB]", "[GiB]"),
    ],
)
def test_another_form_is_no_answer(text: str) -> None:
    with pytest.raises(ValueError, match="columns"):
        parse(text)


def test_asks_for_the_columns_that_it_reads() -> None:
    assert QUERY.split(",") == [title.split()[0] for title in TITLES.split(", ")]
