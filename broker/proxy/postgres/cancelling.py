"""Orders to cancel a statement: a child cancels its own sessions, by a key that is good here alone.

The process is the server's (``pg_backend_pid()``, and who notifies whom, stay true). The key is
drawn here: the server's own would be an order to it from anywhere.
"""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Final

from broker.proxy.database_route import DatabaseRoute
from broker.proxy.desk import Desk
from broker.proxy.postgres.encryption import connected
from broker.proxy.postgres.startup import Cancel
from broker.proxy.problem import GoneError, RefusedError

_KEY_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Target:
    """What an order becomes at the server."""

    cancel: Cancel
    mode: str
    """Of TLS, as the session's."""


class Opened:
    """The open sessions of one database, by what each child was told."""

    def __init__(self) -> None:
        self._targets: dict[Cancel, Target] = {}

    def enter(self, target: Target) -> Cancel:
        """Return what the child is to be told."""
        told = Cancel(target.cancel.process, secrets.token_bytes(_KEY_BYTES))
        self._targets[told] = target
        return told

    def leave(self, told: Cancel) -> None:
        """Forget a session that is over."""
        self._targets.pop(told, None)

    def behind(self, order: Cancel) -> Target | None:
        """Return what an order is for; None if it is for none of these sessions."""
        return self._targets.get(order)


async def cancel(desk: Desk, route: DatabaseRoute, target: Target) -> None:
    """Give the order to the server, and wait until it has taken it.

    Raises:
        RefusedError: the server cannot be reached.
    """
    limits = desk.limits
    try:
        async with asyncio.timeout(limits.dial_seconds):
            server = await connected(desk.dialler, route, target.mode, limits)
            try:
                await server.send(target.cancel.render(), limits.dial_seconds)
                await server.piece(1, limits.dial_seconds)  # it says nothing, and closes
            finally:
                server.abort()
    except (TimeoutError, GoneError):
        raise RefusedError(504, "unreachable", "the server does not answer in time") from None
