"""Work that a cancellation must not cut off, because the broker has to be told."""

import asyncio
from typing import Any


async def finished(work: asyncio.Task[Any]) -> bool:
    """Wait until the work has ended, however often the caller is cancelled meanwhile.

    Returns whether it was cancelled; then the caller owes its own caller a ``CancelledError``. The
    work itself must be bounded. What it raised is left in it.
    """
    was_cancelled = False
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            was_cancelled = True
    if not work.cancelled():
        work.exception()  # looked at, so that asyncio does not complain
    return was_cancelled
