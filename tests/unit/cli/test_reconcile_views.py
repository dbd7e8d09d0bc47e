"""How `broker reconcile` looks: what differs, in colour, and what would end it."""

import io

import pytest

from broker.cli import reconcile_views
from broker.cli.screen import Screen
from broker.comparing import Incomparable
from broker.comparing_lists import Document, ListComparison
from broker.model.ban import ListName
from broker.model.comparison import Comparison, Difference, Differs, digest_of
from broker.reconciling import Ended

ORPHAN = Difference(
    kind=Differs.ORPHAN,
    locator="jit_l_00_a",
    lease="l_00_a",
    epoch="mine",
    made_at_ms=1_800_000_000_000,
    is_ours=True,
)
UNMARKED = Difference(kind=Differs.UNMARKED, locator="jit_\x1b[2Jreport")


def comparison(*differences: Difference, **foreign: int) -> Comparison:
    """Compare a database."""
    return Comparison(
        target="orders-db",
        kind="postgres",
        identity="postgres:7:orders",
        epoch="mine",
        seen=9,
        known=5,
        foreign=foreign,
        differences=differences,
    )


class Terminal(io.StringIO):
    """What somebody sees."""

    def isatty(self) -> bool:
        """Say that somebody looks."""
        return True


def shown(
    *results: Comparison | Incomparable,
    ended: tuple[Ended, ...] = (),
    output: io.StringIO | None = None,
    lists: tuple[ListComparison, ...] = (),
) -> str:
    """Print results as the command does."""
    comparisons = [each for each in results if isinstance(each, Comparison)]
    told = reconcile_views.document("mine", digest_of(comparisons), results, ended, lists)
    out = output if output is not None else io.StringIO()
    Screen(out, as_json=False).answer(told, reconcile_views.compared)
    return out.getvalue()


def test_what_differs_is_listed_with_what_would_end_it() -> None:
    """The digest is of exactly what an order ends."""
    compared = comparison(ORPHAN, UNMARKED, theirs=3)

    text = shown(compared)

    assert "orphan" in text
    assert "2027-01-15T08:00:00" in text
    assert "orders-db: 3 of the ledger of epoch theirs" in text
    assert f"to end these 1:  --kill {digest_of([compared])}" in text


def test_what_was_ended_is_not_offered_again() -> None:
    """It has an outcome instead."""
    ended = Ended("orders-db", ORPHAN, "confirmed")

    text = shown(comparison(ORPHAN), ended=(ended,))

    assert "confirmed" in text
    assert "--kill" not in text


def test_nothing_is_said_to_be_nothing() -> None:
    """And no target to be no target."""
    assert "Nothing differs." in shown(comparison())
    assert "There are no targets." in shown()


def test_what_could_not_be_compared_says_why() -> None:
    """Beside the others."""
    failed = Incomparable("bao", "vault", "late", "no answer before the deadline")

    assert "late: no answer before the deadline" in shown(comparison(), failed)


def test_colour_is_for_terminals_and_names_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else has chosen the name of a role."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    compared = comparison(ORPHAN, UNMARKED)

    seen, piped = shown(compared, output=Terminal()), shown(compared)

    assert "\x1b[31morphan" in seen
    assert "\x1b" not in piped
    assert "\x1b[2J" not in seen
    assert "jit_\\u001b[2Jreport" in piped


def test_lists_are_shown_where_there_are_any() -> None:
    """With their figures, and what is missing by its name; nothing that could move the cursor."""
    one = ListComparison(
        name=ListName("prod", "aws:1", "arn:aws:iam::1:role/app"),
        document=Document.OURS,
        is_edited=True,
        standing=7,
        wanted=8,
        missing=frozenset({"t_00_gone"}),
        left_over=frozenset({"t_00_\x1b[2Jhand"}),
        room=9000,
        free=8720,
    )

    text = shown(comparison(), lists=(one,))

    assert "arn:aws:iam::1:role/app" in text
    assert "t_00_gone" in text
    assert "8720" in text
    assert "\x1b[2J" not in text
    assert "free" not in shown(comparison())
