"""Threads of one target: bounded, given up at the deadline, and never begun too late."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from backends.contract import Deadline
from backends.errors import BackendError, NotMintedError, Trouble
from broker.clock import SystemClock
from broker.targets.lane import Lane
from tests.fakes.eventually_true import eventually_true

CLOCK = SystemClock()


def within(milliseconds: int) -> Deadline:
    """Give a call so much time."""
    return Deadline(CLOCK.monotonic_ms() + milliseconds, CLOCK.monotonic_ms)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hanging calls wait for."""
    gate = threading.Event()
    yield gate
    gate.set()


async def test_a_call_s_answer_and_error_come_back() -> None:
    """As if it had been called."""
    lane = Lane("x", threads=1, queue_length=1)

    def refuse() -> int:
        raise BackendError(Trouble.REFUSED, "no")

    assert await lane.run(lambda: 7, within(60_000)) == 7
    with pytest.raises(BackendError, match="no"):
        await lane.run(refuse, within(60_000))
    assert lane.under_way == 0


async def test_the_words_of_an_unknown_error_are_not_told() -> None:
    """They may hold anything, a secret included."""
    lane = Lane("x", threads=1, queue_length=1)

    def leak() -> int:
        raise ValueError("password=hunter2")

    with pytest.raises(BackendError) as caught:
        await lane.run(leak, within(60_000))

    assert caught.value.trouble is Trouble.UNKNOWN
    assert "hunter2" not in repr(caught.value) + repr(caught.value.__cause__)


async def test_a_hanging_call_is_given_up_and_keeps_its_place(gate: threading.Event) -> None:
    """Who asked goes on at the deadline; the place is free when the call ends."""
    lane = Lane("x", threads=1, queue_length=0)

    with pytest.raises(BackendError) as late:
        await lane.run(gate.wait, within(50))
    with pytest.raises(NotMintedError) as full:
        await lane.run(lambda: 1, within(60_000))
    gate.set()

    async def is_free() -> bool:
        return not lane.is_full

    await eventually_true(is_free, "a free place")
    assert (late.value.trouble, full.value.trouble) == (Trouble.LATE, Trouble.BUSY)
    assert not isinstance(late.value, NotMintedError)
    assert await lane.run(lambda: 1, within(60_000)) == 1


async def test_what_has_not_begun_in_time_never_begins(gate: threading.Event) -> None:
    """It waited for a thread for too long: for certain nothing was made."""
    lane, begun = Lane("x", threads=1, queue_length=5), list[int]()
    hanging = asyncio.create_task(lane.run(gate.wait, within(60_000)))
    await asyncio.sleep(0)  # it has the one thread

    with pytest.raises(BackendError):
        await lane.run(lambda: begun.append(1), within(50))
    gate.set()
    await hanging
    await lane.run(lambda: None, within(60_000))

    assert begun == []


async def test_idle_threads_end_when_it_closes() -> None:
    """Nothing is left of a target that is let go."""
    lane = Lane("closing", threads=2, queue_length=2)
    await lane.run(lambda: None, within(60_000))

    lane.close()

    async def is_gone() -> bool:
        return not [t for t in threading.enumerate() if t.name.startswith("closing-")]

    await eventually_true(is_gone, "no threads")


async def test_who_waits_for_room_gets_it_in_turn(gate: threading.Event) -> None:
    """Whoever goes meanwhile takes nobody's turn along; and nobody waits for ever."""
    lane = Lane("x", threads=1, queue_length=0)
    served: list[int] = []

    async def wait(number: int) -> None:
        await lane.room(60)
        served.append(await lane.run(lambda: number, within(60_000)))

    hanging = asyncio.create_task(lane.run(gate.wait, within(60_000)))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(wait(number)) for number in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(NotMintedError) as full:
        await lane.room(0.01)
    waiting[1].cancel()
    gate.set()
    await asyncio.gather(hanging, *waiting, return_exceptions=True)

    assert full.value.trouble is Trouble.BUSY
    assert served == [0, 2, 3]
