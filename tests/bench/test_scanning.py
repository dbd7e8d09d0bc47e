"""What the page says of the scanner's figures is what comes of it, and no less than a floor."""

from pathlib import Path
from typing import Final

import pytest

from tests.bench.scan_corpus import cases
from tests.bench.scanning import Figures, measure, rows

PAGE: Final = Path(__file__).parents[2] / "docs" / "scan.md"

LEAST_RECALL: Final = 0.9
LEAST_PRECISION: Final = 0.98
REMEDY: Final = "run: python -m tests.bench scan, and write its table into docs/scan.md"


@pytest.fixture(scope="module")
def figures() -> list[Figures]:
    """What comes of the corpus."""
    return measure(lambda _: None)


def test_most_of_what_is_planted_is_found_and_hardly_anything_else(
    figures: list[Figures],
) -> None:
    """Over the whole corpus."""
    whole = figures[-1]

    assert whole.recall >= LEAST_RECALL
    assert whole.precision >= LEAST_PRECISION


def test_where_agents_keep_their_secrets_none_is_missed(figures: list[Figures]) -> None:
    """That is what the command is for."""
    missed = {each.group: each.planted - each.found for each in figures}

    assert [missed[group] for group in ("agent", "dotenv", "ci", "container")] == [0, 0, 0, 0]


def test_the_page_has_the_figures_that_are_measured(figures: list[Figures]) -> None:
    """Nobody writes them by hand."""
    table = ["| " + " | ".join(row) + " |" for row in rows(figures)]

    assert [line for line in table if line not in PAGE.read_text().splitlines()] == [], REMEDY


def test_the_corpus_is_the_same_each_time_and_has_both_sorts() -> None:
    """And each case its own file, so that none answers for another."""
    corpus = list(cases())

    assert corpus == list(cases())
    assert len({case.path for case in corpus}) == len(corpus)
    assert min(sum(case.is_secret for case in corpus), sum(not c.is_secret for c in corpus)) > 200
