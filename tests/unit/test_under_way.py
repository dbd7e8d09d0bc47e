"""Work that goes on by itself: waiting for it, and ending it."""

import asyncio
from collections.abc import Coroutine

from broker import under_way


async def test_what_begins_meanwhile_is_waited_for_as_well() -> None:
    """Nothing is at work when it returns."""
    at_work: dict[str, asyncio.Task[None]] = {}
    done: list[str] = []

    async def first() -> None:
        await asyncio.sleep(0)
        begin("second", second())

    async def second() -> None:
        await asyncio.sleep(0)
        done.append("second")

    def begin(name: str, work: Coroutine[None, None, None]) -> None:
        at_work[name] = asyncio.create_task(work)
        at_work[name].add_done_callback(lambda _: at_work.pop(name))

    begin("first", first())
    await under_way.rested(at_work)

    assert (at_work, done) == ({}, ["second"])


async def test_where_nothing_is_at_work_nobody_waits() -> None:
    """It returns at once."""
    await under_way.rested({})
    await under_way.end([])


async def test_ending_cancels_and_waits_whatever_comes_of_it() -> None:
    """One that fails on its way out holds up no other, and is nobody's error."""
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("slow")

    async def faulty() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("faulty")
            raise ValueError("on its way out") from None

    tasks = {name: asyncio.create_task(work()) for name, work in (("a", slow), ("b", faulty))}
    for task in tasks.values():
        task.add_done_callback(lambda _: tasks.clear())
    await asyncio.sleep(0)

    await under_way.end(tasks.values())

    assert sorted(ended) == ["faulty", "slow"]
