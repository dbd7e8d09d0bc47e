"""What runs until it is cancelled, beside a test; and waiting for what it brings about."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

PATIENCE_S = 20.0


class Runner(Protocol):
    """A part of a broker that works until it is cancelled."""

    async def run(self) -> None:
        """Work."""


@asynccontextmanager
async def running(*runners: Runner) -> AsyncIterator[None]:
    """Run them, and kill them at the end."""
    tasks = [asyncio.create_task(runner.run()) for runner in runners]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not await check():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
