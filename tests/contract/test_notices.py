"""What happens is told: at least once, in order, by one broker of many, whoever is stuck."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from broker.clock import SystemClock
from broker.notices.collecting import Collecting
from broker.notices.counts import NoticeCounts
from broker.notices.courier import Courier
from broker.notices.notice import Notice
from broker.notices.notice_side import NoticeSession, receivers_of
from broker.notices.outcome import Receiver
from broker.notices.telling import Means, Telling
from broker.settings.notify import Notify
from broker.store.feed_log import FeedLog
from broker.store.link import Link
from broker.store.notice_ledger import NoticeLedger, Settled, TurnLostError
from tests.fakes.alarm_receiver import AlarmReceiver, receiving, told
from tests.fakes.ledger import entry_of
from tests.fakes.runners import eventually, running

SOON_MS = 400
"""How long a turn lasts here."""


class Desk:
    """Brokers that tell what comes into one feed log."""

    def __init__(self, link: Link, stack: AsyncExitStack) -> None:
        self.log = FeedLog(link, "jit")
        self.ledger = NoticeLedger(link, "jit")
        self.given_up: list[tuple[str, str]] = []
        self._stack = stack
        self._n = 0

    async def happen(self, *types: str, tenant: str = "acme") -> None:
        """Let something happen."""
        for kind in types:
            self._n += 1
            await self.log.append(0, [entry_of(0, self._n, type=kind, tenant=tenant)])

    def receivers(self, settings: Notify) -> list[Receiver]:
        """Make the receivers of some settings."""
        session = NoticeSession()
        self._stack.push_async_callback(session.close)
        return receivers_of(settings, session, SystemClock())

    def means(self, settings: Notify) -> Means:
        """Make what workers share."""

        async def gave_up(receiver: Receiver, notice: Notice, _: str) -> None:
            self.given_up.append((receiver.name, notice.type))

        counts = NoticeCounts(CollectorRegistry())
        return Means(
            ledger=self.ledger, settings=settings, counts=counts, gave_up=gave_up, jitter=lambda: 0
        )

    def courier(self, settings: Notify, process: str = "one", **changes: Any) -> Courier:
        """Make one broker's."""
        return Courier(process, self.receivers(settings), self.log, self.means(settings), **changes)

    async def begin(self, settings: Notify) -> None:
        """Let the log be followed from here."""
        turn = await self.ledger.turn("beginning", 60_000, 0)
        collecting = Collecting(self.log, self.ledger, self.receivers(settings))
        await collecting.step(turn.fence)
        await self.ledger.turn("beginning", 0, turn.fence)


@pytest.fixture
async def desk(link: Link) -> AsyncIterator[Desk]:
    """Nobody has been told of anything."""
    async with AsyncExitStack() as stack:
        yield Desk(link, stack)


one_server = pytest.mark.parametrize("link", ["mux"], indirect=True)


async def hears(receiver: AlarmReceiver, *types: str) -> None:
    """Wait until a receiver has been told exactly this."""

    async def has() -> bool:
        return receiver.types == list(types)

    await eventually(has)


async def test_what_happens_is_told_in_order_to_whom_it_concerns(
    desk: Desk, tmp_path: Path
) -> None:
    """And nothing that happened before anybody was named."""
    async with receiving() as acme, receiving() as globex:
        await desk.happen("approval.requested")
        settings = told(
            acme.settings(tmp_path, "acme", tenants=("acme",)),
            globex.settings(tmp_path, "globex", tenants=("globex",)),
        )
        await desk.begin(settings)
        async with running(desk.courier(settings)):
            await desk.happen("approval.approved", "lease.issued", "approval.expired")
            await desk.happen("review.due", tenant="globex")
            await hears(globex, "review.due")
            await hears(acme, "approval.approved", "approval.expired")


@one_server
async def test_one_that_is_stuck_delays_nobody_else_and_gets_it_later(
    desk: Desk, tmp_path: Path
) -> None:
    """In its order, each once."""
    async with receiving(AlarmReceiver(hangs=True)) as stuck, receiving() as well:
        settings = told(stuck.settings(tmp_path, "stuck"), well.settings(tmp_path, "well"))
        settings = _changed(settings, deadline_ms=200)
        await desk.begin(settings)
        async with running(desk.courier(settings)):
            await desk.happen("approval.requested", "approval.denied", "approval.expired")
            await hears(well, "approval.requested", "approval.denied", "approval.expired")
            assert stuck.messages == []
            stuck.hangs = False
            await hears(stuck, "approval.requested", "approval.denied", "approval.expired")

    state = await desk.ledger.look("stuck")
    assert (state.waiting, state.done, state.tries, state.why) == (0, 3, 0, "")


@one_server
async def test_of_many_brokers_one_tells_and_another_goes_on_where_it_dies(
    desk: Desk, tmp_path: Path
) -> None:
    """What was told is not told again, what was not is."""
    async with receiving() as oncall:
        settings = told(oncall.settings(tmp_path))
        await desk.begin(settings)
        first, second = (desk.courier(settings, name, lasts_ms=SOON_MS) for name in ("one", "two"))
        async with running(second):
            async with running(first):
                await desk.happen("approval.requested")
                await hears(oncall, "approval.requested")
            await desk.happen("approval.denied")
            await hears(oncall, "approval.requested", "approval.denied")

    assert len({each.id for each in oncall.messages}) == 2


@one_server
async def test_who_lost_the_turn_can_note_nothing(desk: Desk, tmp_path: Path) -> None:
    """A broker that was frozen and goes on finds that another one tells."""
    async with receiving() as oncall:
        settings = told(oncall.settings(tmp_path))
        await desk.begin(settings)
        old = await desk.ledger.turn("old", 1, 0)
        await asyncio.sleep(0.05)
        new = await desk.ledger.turn("new", 60_000, 0)
        await desk.happen("approval.requested")
        await Collecting(desk.log, desk.ledger, desk.receivers(settings)).step(new.fence)

        with pytest.raises(TurnLostError):
            await Telling(desk.receivers(settings)[0], desk.means(settings), old.fence).step()
        with pytest.raises(TurnLostError):
            await desk.ledger.collect(old.fence, await desk.ledger.cursor(), "9 x y", [])
        assert (await desk.ledger.look("oncall")).waiting == 1
        assert (await desk.ledger.turn("old", 60_000, old.fence)).fence == 0

        await Telling(desk.receivers(settings)[0], desk.means(settings), new.fence).step()

    assert len(oncall.messages) == 2, "it was told twice"
    assert len({each.id for each in oncall.messages}) == 1, "and knows it by its id"


async def test_taking_up_and_settling_twice_is_once(desk: Desk, tmp_path: Path) -> None:
    """Whatever answer of the store was lost."""
    async with receiving() as oncall:
        settings = told(oncall.settings(tmp_path))
        await desk.begin(settings)
        fence = (await desk.ledger.turn("one", 60_000, 0)).fence
        cursor = await desk.ledger.cursor()
        await desk.ledger.collect(fence, cursor, "5 e x", [("oncall", "a"), ("oncall", "b")])
        with pytest.raises(TurnLostError):
            await desk.ledger.collect(fence, cursor, "5 e x", [("oncall", "a"), ("oncall", "b")])
        for _ in range(2):
            await desk.ledger.settle(fence, "oncall", "a", Settled.DONE)

    state = await desk.ledger.look("oncall")
    assert (state.oldest, state.waiting, state.done) == ("b", 1, 1)


@one_server
async def test_what_cannot_be_told_is_given_up_and_the_rest_is_told(
    desk: Desk, tmp_path: Path
) -> None:
    """It is recorded and counted."""
    async with receiving(AlarmReceiver(status=500)) as oncall:
        settings = told(oncall.settings(tmp_path), attempts=2)
        await desk.begin(settings)
        async with running(desk.courier(settings)):
            await desk.happen("approval.requested")

            async def has_given_up() -> bool:
                return desk.given_up == [("oncall", "approval.requested")]

            await eventually(has_given_up)
            oncall.status = 204
            await desk.happen("approval.denied")
            await hears(oncall, "approval.denied")

    assert oncall.tries == 3
    assert (await desk.ledger.look("oncall")).given_up == 1


@one_server
async def test_a_queue_is_bounded_and_loses_its_oldest(desk: Desk, tmp_path: Path) -> None:
    """A receiver that is away for ever fills no memory."""
    async with receiving(AlarmReceiver(status=500)) as oncall:
        settings = told(oncall.settings(tmp_path), queue=2, longest_wait_seconds=3_600)
        await desk.begin(settings)
        async with running(desk.courier(settings)):
            await desk.happen(*["approval.requested"] * 6)

            async def is_short() -> bool:
                return len(desk.given_up) == 4

            await eventually(is_short)

    assert (await desk.ledger.look("oncall")).waiting == 2


@one_server
async def test_who_wants_no_more_is_left_alone_until_it_is_resumed(
    desk: Desk, tmp_path: Path
) -> None:
    """What waits is told then."""
    async with receiving(AlarmReceiver(status=410)) as oncall:
        settings = told(oncall.settings(tmp_path))
        await desk.begin(settings)
        fence = (await desk.ledger.turn("one", 60_000, 0)).fence
        await desk.happen("approval.requested")
        await Collecting(desk.log, desk.ledger, desk.receivers(settings)).step(fence)
        telling = Telling(desk.receivers(settings)[0], desk.means(settings), fence)
        for _ in range(3):
            await telling.step()
        assert oncall.tries == 1
        oncall.status = 204
        await desk.ledger.resume("oncall")
        await telling.step()

    assert oncall.types == ["approval.requested"]


async def test_a_log_that_has_another_epoch_and_its_entries_is_gone_on_with(
    desk: Desk, tmp_path: Path
) -> None:
    """Nothing is told again that stands where it stood."""
    async with receiving() as oncall:
        settings = told(oncall.settings(tmp_path))
        await desk.begin(settings)
        async with running(desk.courier(settings)):
            await desk.happen("approval.requested")
            await hears(oncall, "approval.requested")
            await desk.log.rotate((await desk.log.position()).epoch)
            await desk.happen("approval.denied")
            await hears(oncall, "approval.requested", "approval.denied")


def _changed(settings: Notify, **changes: Any) -> Notify:
    return Notify(webhooks=settings.webhooks, longest_wait_seconds=1, **changes)
