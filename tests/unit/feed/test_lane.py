"""One bucket's shipping, where another broker is quicker."""

from broker.faultpoints import FaultPoints
from broker.feed.lane import Lane, Pace
from broker.store.feed_entry import OutboxEntry
from broker.store.feed_log import Appended, Refusal, Refused
from tests.fakes.clock import FakeClock
from tests.fakes.ledger import entry_of


class FakeOutboxes:
    """Says one page after the other."""

    def __init__(self, pages: list[list[OutboxEntry]]) -> None:
        self._pages = pages
        self.trimmed: list[int] = []

    async def page(self, _bucket: int, *, after: int = 0) -> list[OutboxEntry]:
        """Read, whatever was asked for."""
        del after
        return self._pages.pop(0) if self._pages else []

    async def trim(self, last: OutboxEntry) -> None:
        """Note it."""
        self.trimmed.append(last.n)


class FakeLog:
    """Refuses everything below ``expected``."""

    def __init__(self, pages: list[list[OutboxEntry]], expected: int) -> None:
        self.outboxes = FakeOutboxes(pages)
        self._expected = expected

    async def append(self, _bucket: int, entries: list[OutboxEntry]) -> Appended | Refused:
        """Take over, or refuse."""
        if entries[0].n < self._expected:
            return Refused(Refusal.FORK, entries[0].n)
        return Appended(tuple(entry.n for entry in entries), len(entries), 0)


def lane(log: FakeLog, clock: FakeClock | None = None) -> Lane:
    """Make a lane over a double."""
    return Lane(
        log,  # type: ignore[arg-type]  # a double
        0,
        clock=clock or FakeClock(),
        pace=Pace(sweep_ms=1_000),
        on_lag=lambda _: None,
        faults=FaultPoints(),
    )


async def test_a_page_that_is_out_of_date_is_read_again() -> None:
    """Another broker shipped and trimmed it since: that is no fork."""
    log = FakeLog([[entry_of(0, 1)], [entry_of(0, 9)]], expected=9)
    shipping = lane(log)

    await shipping.ship()

    assert shipping.reason() == ""
    assert log.outboxes.trimmed == [9]


async def test_a_fork_that_is_still_there_is_one() -> None:
    """It is said, and nothing is trimmed."""
    log = FakeLog([[entry_of(0, 1)], [entry_of(0, 1)]], expected=9)
    shipping = lane(log)

    await shipping.ship()

    assert shipping.reason() != ""
    assert log.outboxes.trimmed == []


async def test_a_sweep_passes_over_what_was_shipped_just_now() -> None:
    """Under load every outbox is emptied in time without it."""
    clock = FakeClock()
    shipping = lane(FakeLog([], expected=1), clock)
    seen = [shipping.is_unseen()]

    shipping.poke()
    await shipping.work()
    for passed_ms in (499, 1):
        clock.advance(passed_ms)
        seen.append(shipping.is_unseen())

    assert seen == [True, False, True]


async def test_a_sweep_comes_back_to_what_could_not_be_shipped() -> None:
    """It may be the only one to try again."""
    shipping = lane(FakeLog([[entry_of(0, 1)], [entry_of(0, 1)]], expected=9))

    shipping.poke()
    await shipping.work()

    assert shipping.is_unseen()
