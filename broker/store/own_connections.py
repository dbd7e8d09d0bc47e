"""Connections for reads that block: each is used by one caller at a time."""

from redis.asyncio.connection import AbstractConnection

from broker.store.deadlines import Deadlines
from broker.store.dialing import Dial, connect
from broker.store.link import Reply, Value


class OwnConnections:
    """A pool without a bound: who blocks pays for a connection, and it is used again afterwards."""

    def __init__(self, dial: Dial, *, connect_s: float) -> None:
        self._dial = dial
        self._connect_s = connect_s
        self._idle: list[AbstractConnection] = []
        self._deadlines = Deadlines()

    async def ask(self, *command: Value, within_s: float) -> Reply:
        """Run one command. A connection that did not bring its reply is thrown away.

        Raises:
            StoreUnavailableError: the pool is closed, or was meanwhile.
            TimeoutError, redis.exceptions.RedisError, OSError: there is no reply.
        """
        async with self._deadlines.within(within_s):
            connection = self._idle.pop() if self._idle else self._dial()
            try:
                await connect(connection, within_s=self._connect_s)
                await connection.send_command(*command, check_health=False)
                reply = await connection.read_response()
            except BaseException:
                await connection.disconnect(nowait=True)
                raise
            self._idle.append(connection)
        return reply

    async def close(self) -> None:
        """Close them all. Who waits for a reply fails now."""
        await self._deadlines.end()
        for connection in self._idle:
            await connection.disconnect(nowait=True)
        self._idle.clear()
