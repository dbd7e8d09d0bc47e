"""Connections for reads that block: each is used by one caller at a time."""

import asyncio

from redis.asyncio.connection import AbstractConnection

from broker.store.dialing import Dial, connect
from broker.store.link import Reply, Value


class OwnConnections:
    """A pool without a bound: who blocks pays for a connection, and it is used again afterwards."""

    def __init__(self, dial: Dial, *, connect_s: float) -> None:
        self._dial = dial
        self._connect_s = connect_s
        self._idle: list[AbstractConnection] = []
        self._busy: set[AbstractConnection] = set()

    async def ask(self, *command: Value, within_s: float) -> Reply:
        """Run one command. A connection that did not bring its reply is thrown away.

        Raises:
            TimeoutError, redis.exceptions.RedisError, OSError: there is no reply.
        """
        connection = self._idle.pop() if self._idle else self._dial()
        self._busy.add(connection)
        try:
            reply = await self._exchange(connection, *command, within_s=within_s)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        finally:
            self._busy.discard(connection)
        self._idle.append(connection)
        return reply

    async def close(self) -> None:
        """Close them all, also under a caller that blocks."""
        for connection in (*self._idle, *self._busy):
            await connection.disconnect(nowait=True)
        self._idle.clear()

    async def _exchange(
        self, connection: AbstractConnection, *command: Value, within_s: float
    ) -> Reply:
        await connect(connection, within_s=self._connect_s)
        async with asyncio.timeout(within_s):
            await connection.send_command(*command, check_health=False)
            return await connection.read_response()
