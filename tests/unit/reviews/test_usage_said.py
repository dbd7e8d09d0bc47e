"""What an agent's own side says of its uses stands apart from what others have seen."""

import copy
from typing import Any

import pytest

from broker.reviews.checking import check_export
from broker.reviews.packets import digest_of, encode
from broker.reviews.rights import Rights
from broker.reviews.site import html_of
from broker.reviews.usage import MOST_NAMES, Usage, UsageBook
from tests.fakes.exports import sealed, whole
from tests.fakes.review_verbs import a_header, an_entry
from tests.fakes.samples import LEASE

READ = "orders-api orders:read"
AT = "2027-01-15T08:00:00.000Z"


def row(**changes: Any) -> dict[str, Any]:
    """One row of what is said."""
    return {
        "outcome": "answered",
        "times": 3,
        "credential": LEASE,
        "capability": "orders-api",
        "scopes": ["orders:read"],
    } | changes


def book_of(*uses: Any, **more: Any) -> Usage:
    """Count what one record says."""
    book = UsageBook("acme")
    record = {"type": "use.said", "tenant": "acme", "agent": "invoice-bot", "at": AT}
    book.add({**record, "uses": [*uses], **more})
    return book.of("invoice-bot")


def test_uses_are_counted_by_line_and_refusals_by_problem() -> None:
    """Nothing of it is in what was seen."""
    usage = book_of(
        *(row(), row(outcome="cut", times=1)),
        *(row(outcome="refused", problem="bad-answer"), row(outcome="refused", problem="stray")),
        row(outcome="answered", credential="", capability="", scopes=[]),
    )

    assert (usage.said, usage.last_said) == ({READ: 4}, AT)
    assert usage.said_refused == {"bad-answer": 3, "stray": 3}
    assert (usage.used, usage.last_used, usage.granted) == ({}, "", {})


@pytest.mark.parametrize("wrong", [None, 7, {}, [None], [row(times=-1)], [row(times=True)], [7]])
def test_what_lies_about_its_members_counts_for_nothing(wrong: Any) -> None:
    """As with every other record."""
    usage = book_of(uses=wrong)

    assert usage.said == {}


def test_however_many_names_there_are_it_is_bounded() -> None:
    """What is beyond is counted together."""
    usage = book_of(*(row(outcome="refused", problem=f"p{n}", times=1) for n in range(500)))

    assert isinstance(usage.said_refused, dict)
    assert len(usage.said_refused) == MOST_NAMES + 1
    assert sum(usage.said_refused.values()) == 500


def test_a_packet_from_before_keeps_its_digest() -> None:
    """What it did not say is not added when it is checked."""
    assert "said" not in sealed()["agents"][0]["entry"]["usage"]
    assert check_export(sealed(), []).is_good


def test_what_was_said_is_under_the_digest() -> None:
    """It cannot be changed afterwards."""
    exported = sealed()
    entry = an_entry()
    entry.usage.said, entry.usage.said_refused, entry.usage.last_said = {READ: 4}, {}, AT
    packet = digest_of(encode(a_header()), [encode(entry)])
    exported["review"]["packet"] = exported["agents"][0]["answer"]["packet"] = packet
    exported["agents"][0]["entry"]["usage"] |= {"said": {READ: 4}, "said_refused": {}}
    exported["agents"][0]["entry"]["usage"] |= {"last_said": AT}
    forged = copy.deepcopy(exported)
    forged["agents"][0]["entry"]["usage"]["said"] = {READ: 400}

    assert check_export(exported, []).is_good
    assert not check_export(forged, []).is_good
    assert entry.rights == Rights((READ,))


def test_the_page_says_whose_word_it_is() -> None:
    """And that silence is no sign of disuse."""
    exported = whole()
    exported["agents"][0]["entry"]["usage"] |= {"said": {READ: 4}, "said_refused": {"<i>x": 1}}

    page = html_of(exported, AT)

    assert "used 4 times, its own side says" in page
    assert "by its own side" in page
    assert "<i>x" not in page
    assert "no sign that there was no use" in html_of(whole(), AT)
