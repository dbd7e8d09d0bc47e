"""A link through a redis-py client: for clusters, and for fakeredis in tests."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import NoScriptError

from broker.errors import StoreUnavailableError
from broker.store.deadlines import Deadlines
from broker.store.link import Reply, Script, Value
from broker.store.servers import FOREIGN_ERRORS, servers_of, unavailable
from broker.store.stream import Entries, parse_entries, tail_command

DEADLINE_MS: Final = 2000
"""How long one call may take, waiting for its turn and for a connection included."""

CALLS_PER_SERVER: Final = 64
"""How many calls may be at one server at once. The rest wait their turn, within their deadline;
so a stuck server exhausts its own share only."""


class ClientLink:
    """A :class:`~broker.store.link.Link` over a redis-py client.

    Build the client with :func:`~broker.store.servers.client_options`. The link takes it over: it
    switches off its retries and its parsing of replies, and :meth:`close` closes it.
    """

    def __init__(self, client: Redis | RedisCluster, *, deadline_ms: int = DEADLINE_MS) -> None:
        self._servers = servers_of(client)
        self._deadline_ms = deadline_ms
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(CALLS_PER_SERVER)
        )
        self._deadlines = Deadlines()

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()) -> Reply:
        """Run a script once, at the server of its first key."""
        key = keys[0] if keys else ""
        rest = (len(keys), *keys, *args)
        try:
            return await self._call(key, "EVALSHA", script.sha, *rest)
        except StoreUnavailableError as error:
            if not isinstance(error.__cause__, NoScriptError):
                raise
        # EVAL loads and runs in one step, so that no redirect can come between the two.
        return await self._call(key, "EVAL", script.text, *rest)

    def start(
        self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()
    ) -> Awaitable[Reply]:
        """Send a script now, to await its reply later."""
        return asyncio.create_task(self.run(script, keys, args))

    async def read(self, *command: Value) -> Reply:
        """Run one command that changes nothing, at the server of its key."""
        key = str(command[1]) if len(command) > 1 else ""
        return await self._call(key, *command)

    async def tail(self, stream: str, after: str, *, block_ms: int, count: int) -> Entries:
        """Wait for entries of a stream, on a connection that nobody else uses meanwhile."""
        command = tail_command(stream, after, block_ms=block_ms, count=count)
        async with self._limit(stream, self._deadline_ms + block_ms):
            return parse_entries(await self._servers.execute(stream, *command))

    async def each_server(self, *command: Value) -> list[Reply]:
        """Ask every primary; one that does not answer fails the whole."""
        async with self._limit("", self._deadline_ms):
            return await self._servers.each(*command)

    async def close(self) -> None:
        """Close every connection. Calls under way fail as unavailable."""
        # Before the connections: a call that still runs would open new ones.
        await self._deadlines.end()
        await self._servers.close()

    async def _call(self, key: str, *command: Value) -> Reply:
        async with self._limit(key, self._deadline_ms):
            server = await self._servers.server_of(key)
            async with self._turns[server]:
                return await self._servers.execute(key, *command)

    @asynccontextmanager
    async def _limit(self, key: str, deadline_ms: int) -> AsyncIterator[None]:
        try:
            async with self._deadlines.within(deadline_ms / 1000):
                yield
        except TimeoutError as error:
            self._servers.silent(key)
            message = f"Redis did not answer within {deadline_ms} ms"
            raise StoreUnavailableError(message) from error
        except FOREIGN_ERRORS as error:
            raise unavailable(error) from error
