"""Exchanges that last: they end with their credential, and with the child.

A credential that has ended is worth nothing at its own server sooner or later; here the streams
that it opened are cut within ``recheck_seconds``. A renewal changes nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from broker.proxy.outgoing import Injection
from broker.proxy.source import CredentialSource, NotHeldError
from broker.proxy.wire import Wire


class Lasting:
    """Tells afterwards whether the exchange was cut."""

    is_cut = False


async def _is_held(source: CredentialSource, injection: Injection | None) -> bool:
    if injection is None:
        return True
    try:
        held = await source.current(injection.verdict.route.need)
    except NotHeldError:
        return False
    return held.credential == injection.held.credential


async def _watch(
    lasting: Lasting,
    source: CredentialSource,
    injection: Injection | None,
    wires: tuple[Wire, ...],
    seconds: float,
) -> None:
    try:
        while wires[0].is_idle:
            async with asyncio.timeout(max(seconds, 1) * 5):
                if not await _is_held(source, injection):
                    lasting.is_cut = True
                    break
            await asyncio.sleep(seconds)
    except TimeoutError:  # who holds the credential does not answer: unsure is no
        lasting.is_cut = True
    for wire in wires:
        wire.abort()


@contextlib.asynccontextmanager
async def while_held(
    source: CredentialSource,
    injection: Injection | None,
    child: Wire,
    server: Wire,
    seconds: float,
) -> AsyncIterator[Lasting]:
    """Cut both connections off when the credential is not held any more, or the child is away."""
    lasting = Lasting()
    watchers: list[asyncio.Task[None]] = []

    def begin() -> None:
        watch = _watch(lasting, source, injection, (child, server), seconds)
        watchers.append(asyncio.create_task(watch))

    # Most exchanges are over before the first look, and cost no task.
    timer = asyncio.get_running_loop().call_later(seconds, begin)
    try:
        yield lasting
    finally:
        timer.cancel()
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
