"""Waiting for what another part of the same loop will bring about."""

import asyncio
from collections.abc import Callable

PATIENCE_S = 20.0
"""After this a test is stuck, and fails."""


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it does not come to hold.
    """
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event to offer
            await asyncio.sleep(0.01)
