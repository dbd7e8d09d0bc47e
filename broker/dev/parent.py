"""Ends a helper process together with the one that started it."""

import asyncio
import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_LOOK_EVERY_SECONDS: Final = 0.25


def ask_for_signal() -> None:
    """Have the kernel send us SIGTERM when our parent dies. Only Linux can; elsewhere a no-op."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


async def until_gone(parent: int) -> None:
    """Wait until our parent is another process than ``parent``.

    It also catches what the signal cannot: a parent that died before the signal was asked for.
    """
    while os.getppid() == parent:  # noqa: ASYNC110 - there is no event for it that all systems know
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
