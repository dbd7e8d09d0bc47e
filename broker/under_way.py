"""Work that goes on by itself: waiting until it is done, and ending it."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any


async def rested(at_work: Mapping[Any, "asyncio.Task[Any]"]) -> None:
    """Wait until nothing is at work, what begins meanwhile included.

    Whoever has begun something takes it out of the mapping when it ends.
    """
    while at_work:
        await asyncio.wait(list(at_work.values()))


async def end(tasks: "Collection[asyncio.Task[Any]]") -> None:
    """Cancel all of them, and wait until they have ended, whatever comes of them."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
