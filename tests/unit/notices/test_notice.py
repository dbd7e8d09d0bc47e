"""What is told is what the audit trail may say, to those who may hear it."""

import json

import pytest

from broker.notices.notice import Wishes, body_of, notice_of
from broker.store.feed_entry import LogEntry
from tests.fakes.ledger import entry_of


def entry(detail: str, **words: object) -> LogEntry:
    """Make an entry of the log."""
    return LogEntry(7, entry_of(3, 5, type="revocation.ordered", detail=detail, **words))


def test_only_what_the_trail_may_say_is_told() -> None:
    """A secret that strays into a detail stays there."""
    notice = notice_of(entry('{"reason":"why","token":"canary","ordered_by":"operator:ann"}'))

    assert notice.data == {"reason": "why", "ordered_by": "operator:ann"}


def test_the_id_is_the_same_whoever_tells_it_and_when() -> None:
    """So that whoever is told knows it again."""
    first, again = notice_of(entry("{}")), notice_of(entry("{}"))

    assert first.id == again.id == f"msg_03_5_{first.id.rpartition('_')[2]}"


@pytest.mark.parametrize("detail", ["", "no json", "[]", '"x"', "[" * 5_000])
def test_a_detail_that_is_none_stops_nobody(detail: str) -> None:
    """It is told without one."""
    assert notice_of(entry(detail)).data == {}


def test_a_body_is_ascii_whatever_is_in_it() -> None:
    """Nothing hides, turns the direction or ends a line."""
    notice = notice_of(entry(json.dumps({"reason": "a\u202eb\u200b\u001b[31m\n"})))

    body = body_of(notice)

    assert body.isascii()
    assert b"\n" not in body
    assert json.loads(body)["data"]["reason"] == "a\u202eb\u200b\u001b[31m\n"


@pytest.mark.parametrize(
    ("tenants", "tenant", "hears"),
    [
        ((), "acme", True),
        ((), "", True),
        (("acme",), "acme", True),
        (("acme",), "globex", False),
        (("acme",), "", False),
        (("acme",), "*", False),
    ],
)
def test_nobody_hears_of_another_tenant(
    tenants: tuple[str, ...], tenant: str, *, hears: bool
) -> None:
    """Nor of what belongs to none, unless all are theirs."""
    assert Wishes(("approval.*",), frozenset(tenants)).include("approval.denied", tenant) is hears


def test_events_are_named_singly_or_by_family() -> None:
    """And nothing else matches."""
    wishes = Wishes(("approval.*", "task.closed"))

    assert wishes.include("approval.requested", "")
    assert wishes.include("task.closed", "")
    assert not wishes.include("task.opened", "")
    assert not wishes.include("approvals.requested", "")
