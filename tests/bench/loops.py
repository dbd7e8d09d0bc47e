"""The event loop that both sides run on: always the same one."""

import asyncio
import importlib
from collections.abc import Coroutine
from typing import Final, TypeVar

T = TypeVar("T")

LOOPS: Final = ("asyncio", "uvloop")


def run(main: Coroutine[object, object, T], loop: str) -> T:
    """Run a program to its end on an event loop.

    Raises:
        ModuleNotFoundError: uvloop is wanted and not installed.
    """
    factory = importlib.import_module("uvloop").new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
