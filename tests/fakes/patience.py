"""Waiting for a link to come back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from broker.errors import StoreUnavailableError

T = TypeVar("T")


async def eventually(attempt: Callable[[], Awaitable[T]]) -> T:
    """Repeat until the store is available; the test's own timeout is the bound."""
    while True:
        try:
            return await attempt()
        except StoreUnavailableError:
            await asyncio.sleep(0.02)
