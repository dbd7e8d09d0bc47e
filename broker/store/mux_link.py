"""A link to a single server over one multiplexed connection.

All calls share one connection and are written in batches, one per turn of the event loop: about a
tenth of the client's CPU time that a pool needs for the same calls, and the reply of a slow call is
the only thing that others wait for.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Final

import hiredis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import NoScriptError, ResponseError

from broker.errors import StoreUnavailableError
from broker.store.dialing import Dial, connect
from broker.store.link import Reply, Script, Value
from broker.store.own_connections import OwnConnections
from broker.store.servers import FOREIGN_ERRORS, reason, unavailable
from broker.store.stream import Entries, parse_entries, tail_command
from broker.store.wire import Wire

DEADLINE_MS: Final = 2000
"""How long one call may take."""

MAX_IN_FLIGHT: Final = 10_000
"""How many calls may wait for their replies. More are refused: memory is bounded (E22)."""

RECONNECT_BASE_S: Final = 0.01
RECONNECT_CAP_S: Final = 1.0
"""Waits between attempts to connect: jittered, doubling, at most this long."""

MOST_DOUBLINGS: Final = 10
"""By then the cap is reached; after a night of doubling, the number would not fit a float."""

LOGGER: Final = logging.getLogger(__name__)


class MuxLink:
    """A :class:`~broker.store.link.Link` to one server.

    Call :meth:`open` before use. From then on the link reconnects by itself; while it has no
    connection, calls are refused at once.
    """

    def __init__(
        self, dial: Dial, *, deadline_ms: int = DEADLINE_MS, max_in_flight: int = MAX_IN_FLIGHT
    ) -> None:
        self._dial = dial
        self._deadline_s = deadline_ms / 1000
        self._max_in_flight = max_in_flight
        self._own = OwnConnections(dial, connect_s=self._deadline_s)
        self._wire: Wire | None = None
        self._absence = "not opened"
        self._attempted = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._loading: set[str] = set()

    async def open(self) -> None:
        """Make the first attempt to connect, and go on in the background whatever comes of it."""
        self._keeper = asyncio.create_task(self._keep_connected())
        await self._attempted.wait()

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()) -> Reply:
        """Run a script once."""
        return await self.start(script, keys, args)

    def start(
        self, script: Script, keys: Sequence[str], args: Sequence[Value] = ()
    ) -> Awaitable[Reply]:
        """Send a script now, to await its reply later."""
        packed = _pack("EVALSHA", script.sha, len(keys), *keys, *args)
        return self._finish(script, packed, self._send(packed))

    async def _finish(self, script: Script, packed: bytes, sent: "asyncio.Future[Reply]") -> Reply:
        reply = await sent
        if isinstance(reply, NoScriptError):
            self._load(script)
            reply = await self._send(packed)
        return _checked(reply)

    async def read(self, *command: Value) -> Reply:
        """Run one command that changes nothing."""
        return _checked(await self._send(_pack(*command)))

    async def tail(self, stream: str, after: str, *, block_ms: int, count: int) -> Entries:
        """Wait for entries of a stream, on a connection of its own."""
        self._require_open()
        command = tail_command(stream, after, block_ms=block_ms, count=count)
        within_s = self._deadline_s + block_ms / 1000
        try:
            return parse_entries(await self._own.ask(*command, within_s=within_s))
        except FOREIGN_ERRORS as error:
            raise unavailable(error) from error

    async def each_server(self, *command: Value) -> list[Reply]:
        """Ask the only server."""
        return [await self.read(*command)]

    async def close(self) -> None:
        """Close every connection. Calls under way fail as unavailable."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])
        await self._own.close()

    def _require_open(self) -> None:
        if self._keeper is None:
            raise StoreUnavailableError("the link to Redis is closed")

    def _send(self, packed: bytes) -> "asyncio.Future[Reply]":
        self._require_open()
        if self._wire is None:
            raise StoreUnavailableError(f"no connection to Redis: {self._absence}")
        return self._wire.send(packed)

    def _load(self, script: Script) -> None:
        """Send the script ahead, unless it is on its way: what is sent next finds it there."""
        if script.sha in self._loading:
            return
        loaded = self._send(_pack("SCRIPT", "LOAD", script.text))
        self._loading.add(script.sha)
        loaded.add_done_callback(partial(self._loaded, script))

    def _loaded(self, script: Script, loaded: "asyncio.Future[Reply]") -> None:
        self._loading.discard(script.sha)
        if isinstance(error := loaded.result(), ResponseError):
            LOGGER.error("the server does not take the script %s: %s", script.name, error)

    async def _keep_connected(self) -> None:
        backoff = ExponentialWithJitterBackoff(base=RECONNECT_BASE_S, cap=RECONNECT_CAP_S)
        failures = 0
        while True:
            try:
                failures = 0 if await self._connected_once() else failures + 1
            except Exception as error:
                # A link that gave up would need a restart of the broker, whatever the cause.
                LOGGER.exception("the connection to Redis ended unexpectedly")
                self._note_absence(reason(error))
                failures += 1
            finally:
                self._wire = None
                self._attempted.set()
            if self._keeper is None:
                return  # closed, although the cancellation was lost on its way: see Wire.carry
            await asyncio.sleep(backoff.compute(min(failures, MOST_DOUBLINGS)))

    async def _connected_once(self) -> bool:
        connection = self._dial()
        try:
            await connect(connection, within_s=self._deadline_s)
        except FOREIGN_ERRORS as error:
            self._note_absence(reason(error))
            return False
        self._wire = Wire(connection, deadline_s=self._deadline_s, limit=self._max_in_flight)
        self._absence = ""
        self._attempted.set()
        self._note_absence(reason(await self._wire.carry()))
        return True

    def _note_absence(self, why: str) -> None:
        """Log each cause once, not with each attempt."""
        if why != self._absence:
            LOGGER.warning("no connection to Redis: %s", why)
        self._absence = why


def _pack(*command: Value) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # stub: 1-tuple
    return packed


def _checked(reply: Reply) -> Reply:
    if isinstance(reply, BaseException):
        raise unavailable(reply) from reply
    return reply
