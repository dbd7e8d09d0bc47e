"""Long work gives way to requests, and is done all the same."""

import asyncio
from typing import Final

import pytest

from broker.pace import LULL_MS, SAVED_MS, Pace
from tests.fakes.clock import FakeClock

SLICE_MS: Final = 5


class Desk:
    """A pace by a clock that moves by what is done and by what is slept, and by nothing else."""

    def __init__(self, share: float = 0.1, *, is_asked: bool = True) -> None:
        self.clock = FakeClock()
        self.pace = Pace(self.clock, share=share, sleep=self.sleep)
        self.is_asked = is_asked
        self.slept_ms = 0.0
        self.turns = 0

    async def sleep(self, seconds: float) -> None:
        """Let time pass, with a request in it; let others have their turn."""
        self.turns += 1
        self.slept_ms += seconds * 1000
        self.clock.advance(round(seconds * 1000))
        if self.is_asked:
            self.pace.came()
        await asyncio.sleep(0)

    async def work(self, held_ms: int = SLICE_MS, waited_ms: int = 0) -> str:
        """Hold the loop for a while, and wait for a server."""
        self.clock.advance(held_ms)
        await asyncio.sleep(0)
        return await self._rest(waited_ms)

    async def _rest(self, waited_ms: int) -> str:
        waiting = asyncio.ensure_future(asyncio.sleep(0))
        waiting.add_done_callback(lambda _: self.clock.advance(waited_ms))
        await waiting
        return "done"

    async def spend_all(self) -> None:
        """Work until it has to rest."""
        while not await self.slices(1):
            pass

    async def slices(self, count: int, *, held_ms: int = SLICE_MS, waited_ms: int = 0) -> float:
        """Do so many, one after the other; return how long was slept meanwhile."""
        before_ms = self.slept_ms
        for _ in range(count):
            if self.is_asked:
                self.pace.came()
            assert await self.pace.slice(self.work(held_ms, waited_ms)) == "done"
        return self.slept_ms - before_ms


async def test_it_goes_at_full_speed_while_nobody_asks() -> None:
    """Whoever may come has a turn before each slice, and that is all."""
    desk = Desk(is_asked=False)

    assert await desk.slices(500) == 0
    assert desk.turns == 500


async def test_while_requests_come_it_takes_its_share() -> None:
    """As soon as what was saved is spent: nine parts of rest to one of work."""
    desk = Desk(share=0.1)
    await desk.spend_all()

    slept_ms = await desk.slices(100)

    assert slept_ms == pytest.approx(100 * SLICE_MS * 9, rel=0.05)


async def test_little_work_is_not_slowed() -> None:
    """What one agent holds is looked at again at once, however busy it is."""
    assert await Desk().slices(SAVED_MS // SLICE_MS) == 0


async def test_what_was_spent_is_saved_up_again_by_rest() -> None:
    """The next little change is at once again."""
    desk = Desk(share=0.1)
    await desk.slices(100)

    desk.clock.advance(SAVED_MS * 10 + 1_000)

    assert await desk.slices(SAVED_MS // SLICE_MS) == 0


async def test_waiting_for_a_server_is_in_nobodys_way() -> None:
    """Only holding the loop counts."""
    desk = Desk(share=0.5)
    await desk.spend_all()

    await desk.slices(5, waited_ms=SLICE_MS * 2)

    assert await desk.slices(20, waited_ms=SLICE_MS * 2) == 0


async def test_who_works_beside_it_takes_no_second_share() -> None:
    """Buckets that are walked at once line up."""
    desk = Desk(share=0.1)
    await desk.spend_all()
    begun_ms = desk.clock.monotonic_ms()

    await asyncio.gather(*(desk.slices(25) for _ in range(4)))

    spent_ms = desk.clock.monotonic_ms() - begun_ms
    assert spent_ms >= 100 * SLICE_MS / 0.1 * 0.9


async def test_a_rest_ends_when_nobody_asks_any_more() -> None:
    """It is for requests, and there are none."""
    desk = Desk(share=0.01)
    await desk.spend_all()
    desk.is_asked = False

    assert await desk.slices(50) <= LULL_MS * 2


async def test_what_goes_wrong_in_a_slice_comes_out_of_it() -> None:
    """And what it held the loop for counts."""
    desk = Desk(share=0.1)
    await desk.spend_all()

    async def fail() -> None:
        await desk.work(held_ms=100)
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await desk.pace.slice(fail())
    assert await desk.slices(1) > 800


async def test_a_slice_that_is_cancelled_is_cancelled_inside() -> None:
    """Whoever stops a broker does not wait for it."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def endless() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(Desk().pace.slice(endless()))
    await began.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_work_that_is_cancelled_before_its_turn_never_begins() -> None:
    """Nothing is left over of it."""
    desk = Desk(share=0.1)
    pace = Pace(desk.clock, share=0.1, sleep=lambda _seconds: asyncio.Event().wait())
    task = asyncio.create_task(pace.slice(desk.work()))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert desk.clock.monotonic_ms() == FakeClock().monotonic_ms()


async def test_few_requests_leave_most_of_the_time_to_it() -> None:
    """One in a while is given way to, and then it goes on at full speed."""
    desk = Desk(share=0.05)
    await desk.spend_all()
    desk.is_asked = False
    begun_ms = desk.clock.monotonic_ms()

    for _ in range(10):
        desk.pace.came()
        await desk.slices(4 * LULL_MS // SLICE_MS)

    worked_ms = 10 * 4 * LULL_MS
    assert desk.clock.monotonic_ms() - begun_ms < worked_ms * 2
