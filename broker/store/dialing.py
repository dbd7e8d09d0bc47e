"""Opening one connection to a server. Only primaries will do.

A replica's answers may be stale, and so are those of a primary that was demoted: neither is ever
asked (E2, E4 of the threat model: what is read must not revive what was revoked).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError

Dial = Callable[[], AbstractConnection]
"""Makes a connection object, not yet connected, fit for a link (see ``broker.store.connect``)."""

GRANT_INFO: Final = "the ACL user may not run INFO: grant it with ACL SETUSER <user> +info"


async def connect(connection: AbstractConnection, *, within_s: float) -> None:
    """Connect (nothing happens if it is), authenticate, and make sure that this is a primary.

    Raises:
        TimeoutError, redis.exceptions.RedisError, OSError: there is no such connection; the object
            is left disconnected.
    """
    if connection.is_connected:
        return
    open_it: Callable[[], Awaitable[Any]] = connection.connect
    try:
        async with asyncio.timeout(within_s):
            await open_it()
            await _require_primary(connection)
    except BaseException:
        await connection.disconnect(nowait=True)
        raise


async def _require_primary(connection: AbstractConnection) -> None:
    await connection.send_command("INFO", "replication", check_health=False)
    try:
        answer = str(await connection.read_response())
    except NoPermissionError as error:
        raise RedisConnectionError(GRANT_INFO) from error
    if "role:master" not in answer.splitlines():
        raise RedisConnectionError("the server is a replica; connect to the primary")
