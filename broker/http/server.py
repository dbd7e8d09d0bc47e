"""Serving the application: listeners, start-up checks, graceful end."""

import asyncio
import contextlib
import resource
from functools import partial
from typing import Final

from aiohttp import web
from aiohttp.http import HttpRequestParser
from structlog.typing import FilteringBoundLogger

from broker.errors import ConfigurationError
from broker.http.connection import Connection
from broker.http.limits import Limits
from broker.http.routes import ADMISSION, METRICS, MUTATIONS, WAITERS
from broker.http.sockets import Endpoint, UnixEndpoint, open_tcp, open_unix

_NATIVE_PARSER: Final = "aiohttp._http_parser"
_BACKLOG: Final = 1024
_SETTLE_SECONDS: Final = 5.0
"""What changes get beyond ``drain_seconds``: each verb bounds its own calls to less."""

_CANCEL_SECONDS: Final = 0.1
"""How long aiohttp waits, once more, before it cancels what has not ended by then."""

_OTHER_FILES: Final = 64
"""Descriptors that are no client connections: Redis, logs, targets, listeners."""


class HttpServer:
    """Serves one application on any number of endpoints.

    A connection beyond the caps is cut before a byte of it is read. :meth:`stop` accepts nothing
    more, closes what is idle, gives requests in flight ``drain_seconds``, gives changes a few
    seconds beyond that, and only then cancels what is left.
    """

    def __init__(self, app: web.Application, limits: Limits, log: FilteringBoundLogger) -> None:
        self.app = app
        self._limits = limits
        self._log = log
        self._runner = web.AppRunner(
            app, shutdown_timeout=_CANCEL_SECONDS, handler_cancellation=False
        )
        self._listeners: list[asyncio.Server] = []
        self._unix: list[UnixEndpoint] = []

    async def start(self, *endpoints: Endpoint) -> None:
        """Check what this process stands on, and listen.

        Raises:
            ConfigurationError: the machine or an endpoint is not as it must be. Nothing listens.
        """
        require_native_parser(HttpRequestParser)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = descriptors(self._limits, soft=soft, hard=hard)
        if wanted != soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        await self._runner.setup()
        try:
            for endpoint in endpoints:
                await self._listen(endpoint)
        except (ConfigurationError, OSError):
            await self.stop()
            raise

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """The network addresses that are listened on, with the ports that the machine chose."""
        names = [each.getsockname() for server in self._listeners for each in server.sockets]
        return [(name[0], name[1]) for name in names if isinstance(name, tuple)]

    async def stop(self) -> int:
        """End gracefully; return how many changes still ran when patience ended. Safe to repeat."""
        for endpoint in self._unix:  # before closing: after it, another process may own the path
            endpoint.path.unlink(missing_ok=True)
        for listener in self._listeners:
            listener.close()
        self._listeners, self._unix = [], []
        unsettled = 0
        if self._runner.server is not None:
            await asyncio.sleep(0)  # what has been accepted already gets as far as being counted
            self._runner.server.pre_shutdown()
            self.app[WAITERS].close()
            unsettled = await self._drain()
            await self._runner.cleanup()
        return unsettled

    async def _drain(self) -> int:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.drain_seconds):
                await self.app[ADMISSION].emptied()
        return await self.app[MUTATIONS].settle(_SETTLE_SECONDS)

    async def _listen(self, endpoint: Endpoint) -> None:
        server = self._runner.server
        if server is None:
            raise ConfigurationError("start() comes before listening")
        accept = partial(
            Connection,
            server,
            admission=self.app[ADMISSION],
            limits=self._limits,
            metrics=self.app[METRICS],
            log=self._log,
        )
        loop = asyncio.get_running_loop()
        if isinstance(endpoint, UnixEndpoint):
            local = open_unix(endpoint)
            self._unix.append(endpoint)
            listener = await loop.create_unix_server(accept, sock=local, backlog=_BACKLOG)
            self._listeners.append(listener)
            return
        for opened in open_tcp(endpoint, unread_ms=round(self._limits.write_seconds * 1000)):
            listener = await loop.create_server(
                accept,
                sock=opened,
                backlog=_BACKLOG,
                ssl=endpoint.tls,
                ssl_handshake_timeout=self._limits.header_seconds if endpoint.tls else None,
            )
            self._listeners.append(listener)


def require_native_parser(parser: type) -> None:
    """Insist on aiohttp's C parser: the Python one is slower by an order, and another dialect.

    Raises:
        ConfigurationError: it is not in use.
    """
    if parser.__module__ != _NATIVE_PARSER:
        raise ConfigurationError(
            "aiohttp runs without its C parser; unset AIOHTTP_NO_EXTENSIONS, and install aiohttp "
            "from a wheel for this platform"
        )


def descriptors(limits: Limits, *, soft: int, hard: int) -> int:
    """Return how many files this process should be allowed to open.

    The caps on connections have to be what runs out first. The soft limit, often 1024, is raised
    where the hard one permits it.

    Raises:
        ConfigurationError: the hard limit is too low.
    """
    needed = limits.max_connections + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return soft
    if hard == resource.RLIM_INFINITY or hard >= needed:
        return needed
    raise ConfigurationError(
        f"this process may open {hard} files, and needs {needed} for {limits.max_connections} "
        "connections: raise the hard limit (ulimit -Hn, LimitNOFILE=), or lower limits.connections"
    )
