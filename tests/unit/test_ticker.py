"""The ticker goes on, whatever becomes of the machine's wall clock."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from broker.ticker import Ticker
from tests.fakes.clock import WrongClock
from tests.fakes.until import until

HOUR_MS = 3_600_000


@pytest.fixture
def clock() -> WrongClock:
    """The machine's clock, which a test sets."""
    return WrongClock()


@pytest.fixture
def ticks() -> list[str]:
    """What was called."""
    return []


@pytest.fixture
async def ticker(clock: WrongClock, ticks: list[str]) -> AsyncIterator[Ticker]:
    """A ticker that calls one thing all the time."""
    ticker = Ticker(clock)

    async def tick() -> None:
        ticks.append("tick")
        await asyncio.sleep(0)

    ticker.every(10, tick)
    ticker.start()
    yield ticker
    ticker.stop()


def rest_an_hour(ticker: Ticker) -> None:
    """Let the jobs be due in an hour, as after the wall clock was set back by one."""
    in_an_hour = datetime.fromtimestamp(WrongClock().now_ms() / 1000, UTC) + timedelta(hours=1)
    for job in ticker._scheduler.get_jobs():  # noqa: SLF001 - APScheduler reads the machine's clock
        job.modify(next_run_time=in_an_hour)


async def test_it_calls_again_and_again(ticker: Ticker, ticks: list[str]) -> None:
    """One tick is none."""
    assert ticker
    await until(lambda: len(ticks) > 3)


async def test_it_goes_on_when_the_wall_clock_was_set_back(
    ticker: Ticker, ticks: list[str], clock: WrongClock
) -> None:
    """Nothing would be swept for an hour."""
    await until(lambda: len(ticks) > 0)
    rest_an_hour(ticker)
    seen = len(ticks)
    clock.shift_ms = -HOUR_MS

    ticker.look()

    await until(lambda: len(ticks) > seen + 3)


async def test_it_leaves_jobs_alone_while_the_clocks_agree(
    ticker: Ticker, ticks: list[str], clock: WrongClock
) -> None:
    """A clock that is set forward makes nothing late that is not due by it."""
    await until(lambda: len(ticks) > 0)
    rest_an_hour(ticker)
    clock.shift_ms = HOUR_MS

    ticker.look()

    jobs = ticker._scheduler.get_jobs()  # noqa: SLF001 - as above
    now = datetime.fromtimestamp(WrongClock().now_ms() / 1000, UTC)
    assert all(job.next_run_time > now + timedelta(minutes=50) for job in jobs)


@pytest.mark.parametrize("has_begun", [True, False])
async def test_a_tick_that_is_cut_short_by_the_stop_is_no_error(
    clock: WrongClock, caplog: pytest.LogCaptureFixture, *, has_begun: bool
) -> None:
    """Whoever reads the log of a broker that stops is not sent looking."""
    ticker, begun = Ticker(clock), asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    ticker.every(1, hang)
    ticker.start()
    executor = ticker._scheduler._executors["default"]  # noqa: SLF001 - what it has under way
    await until(lambda: bool(executor._pending_futures) and (begun.is_set() or not has_begun))  # noqa: SLF001 - as above
    ticker.stop()
    await asyncio.sleep(0.05)

    assert [line for line in caplog.records if line.levelno >= logging.ERROR] == []


async def test_a_tick_that_fails_is_one(
    clock: WrongClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing else is kept out of the log."""
    ticker = Ticker(clock)

    async def fail() -> None:
        raise ValueError("a fault of ours")

    ticker.every(1, fail)
    ticker.start()
    await until(lambda: any(line.levelno == logging.ERROR for line in caplog.records))
    ticker.stop()
