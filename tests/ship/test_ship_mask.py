from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from langflow_ha.ship.mask import MASK, masker

CORPUS = yaml.safe_load((Path(__file__).parent / "corpus.yml").read_text("utf-8"))


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case["line"][:50])
def test_corpus(case: dict[str, Any]) -> None:
    line, masked = case["line"], case.get("masked", case["line"])
    if case.get("unescape"):
        line = line.replace("\\n", "\n")
    mask = masker(mail=case.get("mail", False))
    assert mask(line) == masked
    assert mask(masked) == masked
    assert (MASK in masked) != case.get("same", False)


@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 48_000,
        "token" * 9_000,
        '"password":"' * 4_000,
        "-----BEGIN PRIVATE KEY-----" * 1_700,
        "x://" * 12_000,
        "a@a." * 12_000,
        "--token " * 6_000,
        '\\"' * 24_000,
        "password='" + "\\'" * 20_000,
        "_token_" * 6_000,
        "eyJaaaaaaaa." * 4_000,
    ],
    ids=lambda text: text[:12],
)
def test_no_line_takes_long(hostile: str) -> None:
    started = time.process_time()
    masker(mail=True)(hostile)
    assert time.process_time() - started < 1
