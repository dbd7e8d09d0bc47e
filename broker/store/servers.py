"""How redis-py reaches one server, and how it reaches a cluster. :class:`ClientLink` adds the rest.

Both clients are used without any retry of theirs. What remains is the cluster's redirects
(``MOVED``, ``ASK``, ``TRYAGAIN``), which say that nothing was run.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from broker.errors import StoreUnavailableError, UnreadableRecordError
from broker.store.link import Reply, Value

LOGGER: Final = logging.getLogger(__name__)

FOREIGN_ERRORS: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
"""All that redis-py raises when a server is absent, slow or unwilling."""


def reason(error: BaseException) -> str:
    """Say why there was no reply; a timeout has no words of its own."""
    return str(error) or "no answer in time"


def unavailable(error: BaseException) -> StoreUnavailableError:
    """Say in the broker's words what a server's error, or its silence, means.

    A server that complains of the data has answered: another record may be all right.
    """
    word = str(error).partition(" ")[0]
    is_of_data = type(error) is ResponseError and (word == "WRONGTYPE" or not word.isupper())
    kind = UnreadableRecordError if is_of_data else StoreUnavailableError
    return kind(f"Redis: {reason(error)}")


def client_options(deadline_ms: int, *, connections: int = 128) -> dict[str, Any]:
    """Say how a redis-py client must be built to be fit for a link.

    No retries, because a command whose reply was lost may have run; no read timeout, because the
    link has a deadline of its own and blocking reads outlast it; RESP2, because it is the form of
    :data:`~broker.store.link.Reply`.
    """
    return {
        "decode_responses": True,
        "encoding_errors": "surrogateescape",  # an odd byte in a reply must not break the queue
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": None,
        "socket_connect_timeout": deadline_ms / 1000,
        "max_connections": connections,
        "driver_info": None,
    }


class Servers(Protocol):
    """What :class:`~broker.store.client_link.ClientLink` needs of a redis-py client.

    Every method may raise one of :data:`FOREIGN_ERRORS`.
    """

    async def server_of(self, key: str) -> str:
        """Name the server that holds a key (the empty key: any server)."""
        ...

    async def execute(self, key: str, *command: Value) -> Reply:
        """Run a command where its key lives."""
        ...

    async def each(self, *command: Value) -> list[Reply]:
        """Run a command on every primary."""
        ...

    def silent(self, key: str) -> None:
        """Hear that the server of this key did not answer in time."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class OneServer:
    """A single server, or fakeredis."""

    def __init__(self, client: Redis) -> None:
        _require_decoding(client)
        client.set_retry(Retry(NoBackoff(), 0))
        client.response_callbacks.clear()  # replies stay as RESP2 brought them
        self._client = client
        self._execute: Callable[..., Awaitable[Any]] = client.execute_command

    async def server_of(self, _key: str) -> str:
        """Name the only server."""
        return ""

    async def execute(self, _key: str, *command: Value) -> Reply:
        """Run a command."""
        return await self._execute(*command)

    async def each(self, *command: Value) -> list[Reply]:
        """Run a command on the only server."""
        return [await self._execute(*command)]

    def silent(self, key: str) -> None:
        """Do nothing: there is no other server to ask."""

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()


class ClusterServers:
    """A cluster. One silent server must not hold up the others."""

    def __init__(self, client: RedisCluster) -> None:
        _require_decoding(client)
        client.set_retry(Retry(NoBackoff(), 0))
        client.reinitialize_steps = 0  # its way to refresh closes connections that are in use
        for name in [name for name in client.response_callbacks if name != "COMMAND"]:
            del client.response_callbacks[name]  # replies stay as RESP2 brought them
        self._client = client
        self._refreshing: asyncio.Task[None] | None = None

    async def server_of(self, key: str) -> str:
        """Name the server that holds a key."""
        return str((await self._node(key)).name)

    async def execute(self, key: str, *command: Value) -> Reply:
        """Run a command where its key lives, following redirects."""
        node = await self._node(key)
        return await self._client.execute_command(*command, target_nodes=node)

    async def each(self, *command: Value) -> list[Reply]:
        """Run a command on every primary."""
        nodes = (await self._client.initialize()).get_primaries()
        answers = await asyncio.gather(
            *(node.execute_command(*command) for node in nodes), return_exceptions=True
        )
        # All are awaited first: a call left behind at a silent node would keep its connection.
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return answers

    def silent(self, key: str) -> None:
        """Learn the topology anew, from the other servers first: this one may be replaced."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh(key))

    async def close(self) -> None:
        """Close every connection."""
        if self._refreshing is not None:
            self._refreshing.cancel()
        await self._client.aclose()
        # After a lost connection, redis-py takes itself for closed and closes nothing.
        for nodes in ("nodes_cache", "startup_nodes"):
            await self._client.nodes_manager.aclose(nodes)

    async def _node(self, key: str) -> ClusterNode:
        client = await self._client.initialize()
        node = client.get_node_from_key(key) if key else client.get_primaries()[0]
        if node is None:
            raise RedisClusterException("no server of the cluster holds this key")
        return node

    async def _refresh(self, key: str) -> None:
        client = self._client
        try:
            failed = client.get_node_from_key(key) if key else None
            async with asyncio.timeout(client.connection_kwargs["socket_connect_timeout"]):
                await client.nodes_manager.initialize(
                    last_failed_node_name=failed.name if failed else None
                )
        except FOREIGN_ERRORS as error:
            LOGGER.warning("cannot learn the topology of the Redis cluster: %s", reason(error))


def servers_of(client: Redis | RedisCluster) -> Servers:
    """Choose by the kind of client."""
    return ClusterServers(client) if isinstance(client, RedisCluster) else OneServer(client)


def _require_decoding(client: Redis | RedisCluster) -> None:
    if not client.get_encoder().decode_responses:
        raise ValueError("build the client with client_options(): it must decode its replies")
