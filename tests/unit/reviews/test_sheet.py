"""A sheet that no spreadsheet computes, whatever was written into it."""

import csv
import io

import pytest

from broker.reviews.sheet import COLUMNS, cell, csv_of
from tests.fakes.exports import whole


@pytest.mark.parametrize(
    "text",
    [
        "=HYPERLINK(1)",
        "+1",
        "-1+2",
        "@SUM(A1)",
        "|calc",
        "%0A",
        " =1",
        "\u00a0=1",
        "\uff1d1",
        "'=1",
        "\ufeff=1",
    ],
)
def test_what_would_be_a_formula_is_text(text: str) -> None:
    """Also after spaces, in full width, or behind what cannot be seen."""
    written = cell(text)

    assert written[:1] in {"'", "\\"}


@pytest.mark.parametrize("text", ["\t=1", "\r=1", "\n=1", "a\tb", "a\x00b", "a\u202eb", "\u200b=1"])
def test_what_cannot_be_seen_is_shown(text: str) -> None:
    """So no cell breaks a line, hides anything or turns the writing direction."""
    assert cell(text).isprintable()
    assert "\\u" in cell(text)


def test_every_agent_is_a_line_and_every_cell_is_quoted() -> None:
    """Names and reasons are anybody's; no byte order mark, lines end as RFC 4180 says."""
    text = csv_of(whole(purpose='=cmd|"/c calc"!A1', reason='-2+3",\r\nx'))

    head, line = list(csv.reader(io.StringIO(text, newline="")))
    assert tuple(head) == COLUMNS
    row = dict(zip(head, line, strict=True))
    assert row["purpose"] == '\'=cmd|"/c calc"!A1'
    assert row["reason"] == "'-2+3\",\\u000d\\u000ax"
    assert row["granted"] == "orders-api orders:read: 3"
    assert text.startswith('"review"')
    assert text.count("\r\n") == 2
