"""Uses are counted by what they have in common: bounded, and what is missing is a number."""

from collections import Counter
from typing import Any

from broker.proxy import Use
from broker.running.tally import Tally
from broker.use_words import MOST_ROWS, MOST_TIMES
from tests.fakes.samples import LEASE


def use(**changes: Any) -> Use:
    """An exchange with a declared server."""
    told: dict[str, Any] = {"at_ms": 1_000, "outcome": "answered", "method": "GET", "status": 200}
    told |= {"host": "api.example.com", "port": 443, "need": "orders", "rule": "orders-0"}
    return Use(**(told | {"credential": LEASE} | changes))


def test_what_is_alike_is_one_row_with_its_first_and_last() -> None:
    """In whatever order it comes; another status is another row."""
    tally = Tally()
    for at_ms in (3_000, 1_000, 2_000):
        tally.add(use(at_ms=at_ms))
    tally.add(use(status=404))

    batch = tally.take()

    assert batch is not None
    first, second = batch.uses
    assert (first.times, first.first_at, first.last_at) == (
        3,
        "1970-01-01T00:00:01.000Z",
        "1970-01-01T00:00:03.000Z",
    )
    assert (second.times, second.status, second.credential) == (1, 404, LEASE)
    assert batch.times == 4
    assert tally.take() is None


def test_a_thousand_hosts_crowd_no_declared_use_out() -> None:
    """They are told by their outcome and problem, and all of them are counted."""
    tally = Tally()
    for number in range(1_000):
        host = f"host-{number}.test"
        tally.add(use(host=host, rule="", credential="", outcome="refused", problem="undeclared"))
    for number in range(10):
        tally.add(use(rule=f"orders-{number}"))

    batch = tally.take()

    assert batch is not None
    assert len(batch.uses) <= MOST_ROWS
    rules = {each.rule for each in batch.uses if each.credential}
    assert rules == {f"orders-{number}" for number in range(10)}
    refused = Counter({each.host: each.times for each in batch.uses if each.problem})
    assert (refused[""], refused.total()) == (992, 1_000)


def test_what_has_no_row_is_a_number() -> None:
    """More kinds than a batch has rows, more uses than a row may say."""
    tally = Tally()
    for number in range(100):
        tally.add(use(need=f"need-{number}"))
    batch = tally.take()

    assert batch is not None
    assert (len(batch.uses), batch.untold, batch.times) == (MOST_ROWS, 68, 100)
    for _ in range(MOST_TIMES + 2):
        tally.add(use())
    assert tally.waiting == MOST_TIMES + 2
    assert tally.untold == 2


def test_words_that_are_not_told_are_left_away() -> None:
    """What the broker would refuse takes the rest of the batch with it no more."""
    tally = Tally()
    tally.add(use(method="get it", host="fe80::1%eth0", credential="mine", rule="a b", need="ü"))

    batch = tally.take()

    assert batch is not None
    [row] = batch.uses
    assert (row.method, row.host, row.credential, row.rule, row.need) == ("", "", "", "", "")
    assert (row.outcome, row.times) == ("answered", 1)
