"""Limits in time, and their common end."""

import asyncio

import pytest

from broker.errors import StoreUnavailableError
from broker.store.deadlines import Deadlines


async def test_a_block_that_takes_too_long_times_out() -> None:
    """As ``asyncio.timeout`` does."""
    deadlines = Deadlines()

    with pytest.raises(TimeoutError):
        async with deadlines.within(0.01):
            await asyncio.sleep(10)


async def test_the_end_fails_every_block_and_waits_for_them() -> None:
    """When it returns, nothing runs any more, however long the cleaning up took."""
    deadlines = Deadlines()
    over = []

    async def block() -> None:
        async with deadlines.within(100):
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.sleep(0)
                over.append(True)

    running = [asyncio.create_task(block()) for _ in range(3)]
    await asyncio.sleep(0)

    await deadlines.end()

    assert over == [True] * 3
    outcomes = await asyncio.gather(*running, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailableError}


async def test_the_end_leaves_alone_what_is_ending_anyway() -> None:
    """A block whose time is just up cleans up in peace."""
    deadlines = Deadlines()
    cleaning = asyncio.Event()

    async def block() -> None:
        async with deadlines.within(0.01):
            try:
                await asyncio.sleep(100)
            finally:
                cleaning.set()
                await asyncio.sleep(0.02)

    running = asyncio.create_task(block())
    await cleaning.wait()

    await deadlines.end()

    with pytest.raises(StoreUnavailableError):
        await running


async def test_after_the_end_no_block_begins() -> None:
    """And ending again is harmless."""
    deadlines = Deadlines()
    await deadlines.end()
    await deadlines.end()

    with pytest.raises(StoreUnavailableError):
        async with deadlines.within(1):
            raise AssertionError("the block began")


async def test_the_errors_of_a_block_are_its_own() -> None:
    """Nothing but time is translated."""
    deadlines = Deadlines()

    with pytest.raises(ZeroDivisionError):
        async with deadlines.within(1):
            raise ZeroDivisionError
    await deadlines.end()
