"""Commands that run until they are told to stop."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from click.exceptions import Exit

from broker.cli import exits

T = TypeVar("T")


async def until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """Run the work; SIGTERM cancels it as Ctrl-C does, so that it can clean up.

    Raises:
        Exit: it was told to stop.
    """
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        if asyncio.current_task().cancelling():  # type: ignore[union-attr]  # we are a task
            raise
        raise Exit(exits.TERMINATED) from None
