"""Following a report until everything in it has come so far."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from broker.client.api_errors import TooManyRequestsError, refusal
from broker.client.levels import Level, Standing, standing
from broker.client.reaching import LONGEST_SECONDS, NotReachedError, Reaching
from broker.client.results import Progress, Receipt, Report, Revocation
from broker.client.transport import Tagged
from tests.fakes.clock import FakeClock

AT = datetime(2027, 1, 15, tzinfo=UTC)


def receipt(number: int, state: str, *, revoked: bool = True) -> Receipt:
    """A receipt in a state."""
    return Receipt(
        credential=f"l_{number}",
        task="t",
        capability="orders-api",
        kind="jwt",
        audience="x",
        state=state,
        detail="",
        revoked_at=AT if revoked else None,
        expires_at=None,
    )


def report(*states: str, following: str = "", order: Revocation | None = None) -> Report:
    """A page with receipts in these states."""
    receipts = tuple(receipt(number, state) for number, state in enumerate(states))
    return Report(
        durability="os",
        counts=dict(Counter(states)),
        receipts=receipts,
        revocation=order,
        next=f"/v1/x?cursor={following}" if following else None,
    )


def order(*, acknowledged: bool) -> Revocation:
    """An order that stands everywhere, or not yet."""
    return Revocation(
        id="r",
        selector={},
        reason="",
        ordered_by="",
        ordered_at=AT,
        issued_before=None,
        acknowledged=acknowledged,
        pending_buckets=(),
    )


class Pages:
    """Answers with what a test has laid ready, cursor by cursor; the last one is repeated."""

    def __init__(self, clock: FakeClock, **pages: Sequence[Report | Exception]) -> None:
        self._clock = clock
        self._pages = {name.strip("_"): list(found) for name, found in pages.items()}
        self.asked: list[tuple[str, str, int]] = []

    async def __call__(
        self, cursor: str, *, known: str = "", wait_seconds: int = 0
    ) -> Tagged[Report]:
        """Answer; held back, it takes a while."""
        self.asked.append((cursor, known, wait_seconds))
        found = self._pages[cursor]
        page = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(page, Exception):
            raise page
        if wait_seconds:
            self._clock.advance(500)
        return Tagged(page, f"tag-{len(self.asked)}")


@pytest.fixture
def clock() -> FakeClock:
    """A clock that only waiting moves."""
    return FakeClock()


def follow(pages: Pages, clock: FakeClock, level: Level, told: list[tuple[int, int]]) -> Reaching:
    """Follow these pages."""

    async def sleep(seconds: float) -> None:
        clock.advance(int(seconds * 1000) + 1)

    return Reaching(pages, level, told=lambda *how: told.append(how), clock=clock, sleep=sleep)


STANDINGS = [
    ([], Level.CONFIRMED, Standing.DONE),
    (["confirmed", "expired"], Level.CONFIRMED, Standing.DONE),
    (["confirmed", "accepted"], Level.CONFIRMED, Standing.NOT_YET),
    (["confirmed", "accepted"], Level.ACCEPTED, Standing.DONE),
    (["requested"], Level.ACCEPTED, Standing.NOT_YET),
    (["pending"], Level.ACCEPTED, Standing.NOT_YET),
    (["pending", "requested", "irrevocable"], Level.LEDGER, Standing.DONE),
    (["confirmed", "irrevocable"], Level.CONFIRMED, Standing.IRREVOCABLE),
    (["irrevocable"], Level.ACCEPTED, Standing.IRREVOCABLE),
    (["accepted", "irrevocable"], Level.CONFIRMED, Standing.NOT_YET),
]


@pytest.mark.parametrize(("states", "level", "expected"), STANDINGS)
def test_what_is_left_to_age_is_told_from_what_may_come(
    states: list[str], level: Level, expected: Standing
) -> None:
    """What has expired has come everywhere; what is irrevocable is dead in the ledger only."""
    assert standing(report(*states).receipts, level) is expected


def test_what_nobody_knows_the_end_of_is_not_dead_in_the_ledger() -> None:
    """Its record cannot be read."""
    unreadable = receipt(1, "pending", revoked=False)

    assert standing([unreadable], Level.LEDGER) is Standing.NOT_YET


async def test_the_broker_is_asked_to_hold_its_answer_back(clock: FakeClock) -> None:
    """Of the one page that is behind, with the tag of what was seen; the others are kept."""
    told: list[tuple[int, int]] = []
    pages = Pages(
        clock,
        _=[report("confirmed", following="b")],
        b=[
            report("accepted", "requested"),
            report("accepted", "accepted"),
            report("confirmed", "confirmed"),
        ],
    )

    seen = await follow(pages, clock, Level.CONFIRMED, told).follow(60)

    assert seen.standing is Standing.DONE
    assert seen.report.counts == {"confirmed": 3}
    assert seen.report.next is None
    assert told == [(1, 3), (1, 3), (3, 3)]
    assert pages.asked == [
        ("", "", 0),
        ("b", "", 0),
        ("b", "tag-2", LONGEST_SECONDS),
        ("b", "tag-3", LONGEST_SECONDS),
    ]


async def test_the_time_that_is_up_is_said_with_all_that_is_known(clock: FakeClock) -> None:
    """The broker is never asked to wait for longer than the caller does."""
    pages = Pages(clock, _=[report("accepted", "confirmed")])

    seen = await follow(pages, clock, Level.CONFIRMED, []).follow(3)
    with pytest.raises(
        NotReachedError, match="1 of 2 credentials are confirmed: the time"
    ) as caught:
        seen.require(Level.CONFIRMED)

    assert not caught.value.is_irrevocable
    assert caught.value.report.counts == {"accepted": 1, "confirmed": 1}
    assert max(wait for _, _, wait in pages.asked) <= 3
    assert len(pages.asked) < 10


async def test_what_dies_only_of_age_is_not_waited_for(clock: FakeClock) -> None:
    """It is said at once."""
    pages = Pages(clock, _=[report("irrevocable", "confirmed")])

    seen = await follow(pages, clock, Level.ACCEPTED, []).follow(1_000)

    assert seen.standing is Standing.IRREVOCABLE
    assert len(pages.asked) == 1
    with pytest.raises(NotReachedError, match="die only of age"):
        seen.require(Level.ACCEPTED)


async def test_without_a_place_to_wait_it_is_only_looked_at(clock: FakeClock) -> None:
    """Too many wait already."""
    full = refusal(429, b'{"type": "https://jit-broker.example/problems/too-many-requests"}')
    assert isinstance(full, TooManyRequestsError)
    pages = Pages(clock, _=[report("accepted"), full, report("confirmed")])

    seen = await follow(pages, clock, Level.CONFIRMED, []).follow(60)

    assert seen.standing is Standing.DONE
    assert pages.asked[-1] == ("", "", 0)


async def test_an_order_is_read_again_when_it_stands_everywhere(clock: FakeClock) -> None:
    """Before that nobody knows all that it covers, and nothing has come far enough."""
    late = order(acknowledged=False)
    stands = order(acknowledged=True)
    pages = Pages(
        clock,
        _=[
            report("confirmed", order=late),
            report("confirmed", order=stands, following="b"),
        ],
        b=[report("accepted", order=stands), report("confirmed", order=stands)],
    )

    seen = await follow(pages, clock, Level.CONFIRMED, []).follow(60)

    assert seen.standing is Standing.DONE
    assert seen.report.counts == {"confirmed": 2}


async def test_how_much_has_been_read_is_told(clock: FakeClock) -> None:
    """Page by page, of a total where the broker names one."""
    stands = replace(order(acknowledged=True), progress=Progress(ended=3, total=3))
    pages = Pages(
        clock,
        _=[report("confirmed", order=stands, following="b")],
        b=[report("confirmed", "confirmed", order=stands)],
    )
    read: list[tuple[int, int | None]] = []

    await Reaching(pages, Level.CONFIRMED, reading=lambda *how: read.append(how)).follow(60)

    assert read == [(3, 3)]


async def test_pages_that_come_to_it_are_read(clock: FakeClock) -> None:
    """A page that has another following it by now."""
    pages = Pages(
        clock,
        _=[report("requested"), report("confirmed", following="b")],
        b=[report("confirmed")],
    )

    seen = await follow(pages, clock, Level.CONFIRMED, []).follow(60)

    assert seen.report.counts == {"confirmed": 2}
