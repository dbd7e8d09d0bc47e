"""Waiting for what other processes bring about."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_S = 30.0
"""After this a test is stuck, and fails."""


async def eventually_true(
    holds: Callable[[], Awaitable[bool]], what: str, within_s: float = PATIENCE_S
) -> None:
    """Ask until something holds.

    Raises:
        TimeoutError: it does not come to hold; the text says what.
    """
    try:
        async with asyncio.timeout(within_s):
            while not await holds():  # noqa: ASYNC110 - other processes have no event to offer
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise TimeoutError(f"did not come: {what}") from error
