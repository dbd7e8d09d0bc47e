"""One client connection, with the bounds that aiohttp leaves open.

aiohttp parses strictly, bounds pipelining and never runs two requests of a connection at once. It
does not bound how slowly a head may drip in, how long a whole head may be, or how long answers may
stay unread; and it writes offending bytes into its log and its answer (dangers M6, M7). This class
adds these bounds. It costs nothing for a request whose head comes in one piece.
"""

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import Final, cast

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from broker.http.admission import LOCAL, Admission
from broker.http.limits import Limits
from broker.metrics import Metrics

_MAX_HEADERS: Final = 64
_LINGER_SECONDS: Final = 2.0
"""How long the rest of a body, that nobody wants any more, is read so that the client sees why."""

_HEADERS: Final = b"Content-Type: application/problem+json\r\nCache-Control: no-store\r\n"
_PROBLEM: Final = (
    b'{"type":"https://jit-broker.example/problems/invalid-request",'
    b'"title":"Invalid request","status":400,"detail":"This is no well-formed HTTP request."}'
)
_MALFORMED: Final = (
    b"HTTP/1.1 400 Bad Request\r\n%bConnection: close\r\nContent-Length: %d\r\n\r\n%b"
    % (
        _HEADERS,
        len(_PROBLEM),
        _PROBLEM,
    )
)
_FAILED: Final = (
    b"HTTP/1.1 500 Internal Server Error\r\n"
    b"Cache-Control: no-store\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


_RESET: Final = struct.pack("ii", 1, 0)
"""``struct linger``: close by a reset, and drop what is unsent."""


class Connection(web.RequestHandler):
    """aiohttp's connection handler, bounded. One per accepted connection."""

    __slots__ = (
        "_address", "_admission", "_head_bytes", "_head_timer", "_is_admitted", "_limits", "_log",
        "_metrics", "_write_timer",
    )  # fmt: skip

    def __init__(
        self,
        server: web.Server,
        *,
        admission: Admission,
        limits: Limits,
        metrics: Metrics,
        log: FilteringBoundLogger,
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=limits.idle_seconds,
            lingering_time=_LINGER_SECONDS,
            max_headers=_MAX_HEADERS,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way to say "none"
            auto_decompress=False,
        )
        self._admission = admission
        self._limits = limits
        self._metrics = metrics
        self._log = log
        self._address = LOCAL
        self._is_admitted = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the connection, and give its first head its time; or cut it."""
        peer = transport.get_extra_info("peername")
        self._address = peer[0] if isinstance(peer, tuple) else LOCAL
        self._is_admitted = self._admission.admit(self._address)
        if not self._is_admitted:
            # A flood must not become a flood of lines: the counter tells.
            self._metrics.cut("no-place")
            self._log.debug("connection refused", peer=self._address)
            _abort(transport)
            return
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the place back."""
        self._stop_head_timer()
        self._stop_write_timer()
        if self._is_admitted:
            self._is_admitted = False
            self._admission.leave(self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser. Bytes that leave it waiting for a head start or drain the head's time.

        aiohttp waits on ``_waiter`` exactly while it has no complete head to work on; the tests of
        dripping heads fail should that change.
        """
        super().data_received(data)
        waiter = self._waiter
        if data and waiter is not None and not waiter.done():
            self._head_grew(len(data))
        elif self._head_timer is not None:
            self._stop_head_timer()

    def close(self) -> None:
        """Take no more requests: an idle connection ends at once, a busy one after its answer.

        aiohttp's own version ends the task of an idle connection and leaves its socket open.
        """
        is_idle = self._waiter is not None
        super().close()
        if is_idle:
            self.force_close()

    def pause_writing(self) -> None:
        """Give a client that does not read its answers some time, and then no more."""
        super().pause_writing()
        if self.transport is not None:
            loop = asyncio.get_running_loop()
            seconds = self._limits.write_seconds
            # The transport itself: by then aiohttp may have let go of it, unflushed.
            self._write_timer = loop.call_later(seconds, self._cut_unread, self.transport)

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        self._stop_write_timer()
        super().resume_writing()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - quotes the offending bytes
    ) -> web.StreamResponse:
        """Answer what no handler saw with constant bytes, and close.

        aiohttp's own version quotes the offending bytes in the answer and in the log, and names
        itself in a header. Nothing of ``exc`` or ``message`` leaves here but the error's class.
        """
        if self.transport is None:
            return web.Response(status=status)  # the client is gone
        self._metrics.cut("unreadable")
        self._log.info("request unreadable", status=status, error=type(exc).__name__)
        if request.writer.output_size == 0:
            is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
            self.transport.write(_FAILED if is_ours else _MALFORMED)
        self.force_close()
        return web.Response(status=status)  # finds the connection closed and goes nowhere

    def _head_grew(self, count: int) -> None:
        if self._head_timer is None:
            self._start_head_timer()
        self._head_bytes += count
        if self._head_bytes > self._limits.max_head_bytes:
            self._cut("head-too-long")

    def _start_head_timer(self) -> None:
        loop = asyncio.get_running_loop()
        seconds = self._limits.header_seconds
        self._head_timer = loop.call_later(seconds, self._cut, "head-too-slow")

    def _stop_head_timer(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _cut(self, reason: str) -> None:
        self._metrics.cut(reason)
        self._log.info("connection cut", reason=reason, peer=self._address)
        transport = self.transport
        self.force_close()
        if transport is not None:
            _abort(transport)

    def _cut_unread(self, transport: asyncio.BaseTransport) -> None:
        self._metrics.cut("answer-unread")
        _abort(transport)


def _abort(transport: asyncio.BaseTransport) -> None:
    """Close at once, by a reset.

    ``close`` would wait for the peer to read, or to say goodbye in TLS; and the kernel would go on
    holding what it has not sent.
    """
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    cast("asyncio.WriteTransport", transport).abort()
