"""The way in for emergencies: a unix socket of mode 0600 that can only take access away.

- Whoever may open the socket is who runs the broker, or root, by the kernel's word (SO_PEERCRED):
  no token is asked, so it works when issuers, keys, policies and the audit sink do not.
- Each order alarms (log, metric) before it is carried out, and is in the audit trail with the name
  of the user of this machine.
- It reaches every tenant, gives nothing, and shows nothing but its own order.
"""

import os
import pwd
import socket
import struct
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from broker import text
from broker.errors import AccessDeniedError, BrokerError, InvalidRequestError
from broker.http import parse, ports, problems, render, wire
from broker.http.bodies import Bodies
from broker.http.limits import Limits
from broker.http.refusals import of_aiohttp
from broker.http.sockets import UnixEndpoint, open_unix
from broker.metrics import Metrics
from broker.model.principal import ALL_TENANTS, Kind, Principal
from broker.model.requests import SelectorKind

PATH: Final = "/v1/panic"
"""The one route."""

_CUTS: Final = frozenset(
    {
        *(SelectorKind.ALL, SelectorKind.TENANT, SelectorKind.AGENT),
        *(SelectorKind.CAPABILITY, SelectorKind.ISSUER),
    }
)
_PEER: Final = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as the kernel knows it."""

    pid: int
    uid: int

    @property
    def user(self) -> str:
        """The name of its user, or the number where there is no name that may be stored."""
        try:
            return text.parse_name(pwd.getpwuid(self.uid).pw_name, field="user")
        except (KeyError, InvalidRequestError):
            return f"uid-{self.uid}"

    def principal(self) -> Principal:
        """The operator of all tenants that an emergency makes of it."""
        return Principal(
            kind=Kind.OPERATOR,
            name=f"panic/{self.user}/{self.uid}",
            tenants=frozenset({ALL_TENANTS}),
            instance=f"pid-{self.pid}",
            issuer="panic-socket",
            subject=f"uid-{self.uid}",
            expires_at_ms=0,
        )


class PanicDoor:
    """Listens on the socket."""

    def __init__(
        self,
        revocations: ports.Revocations,
        limits: Limits,
        metrics: Metrics,
        log: FilteringBoundLogger,
    ) -> None:
        self._revocations = revocations
        self._bodies = Bodies(limits)
        self._limits = limits
        self._metrics = metrics
        self._log = log

    async def open(self, path: Path, stack: AsyncExitStack) -> None:
        """Listen; the stack closes it.

        Raises:
            ConfigurationError: the path cannot be used.
        """
        app = web.Application(client_max_size=self._limits.max_body_bytes)
        app.router.add_post(PATH, self.order)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=self._limits.drain_seconds)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        opened = open_unix(UnixEndpoint(path))
        stack.callback(path.unlink, missing_ok=True)
        await web.SockSite(runner, opened).start()

    async def order(self, request: web.Request) -> web.Response:
        """Take access away."""
        try:
            return await self._order(request)
        except web.HTTPException as error:
            return problems.answer(of_aiohttp(error))
        except BrokerError as error:
            self._log.critical("panic-failed", error=str(error))
            return problems.answer(error)

    async def _order(self, request: web.Request) -> web.Response:
        peer = _peer(request)
        if peer.uid not in (0, os.geteuid()):
            raise AccessDeniedError("not-this-user")
        key = parse.idempotency_key(request.headers.get("Idempotency-Key"))
        body = await self._bodies.json(request, wire.RevokeBody)
        selector, reason = parse.selector(body), text.parse_reason(body.reason)
        if selector.kind not in _CUTS:
            words = ", ".join(sorted(_CUTS))
            raise InvalidRequestError(f"name exactly one of: {words}", field="selector")
        self._log.critical(
            "panic",
            user=peer.user,
            uid=peer.uid,
            pid=peer.pid,
            of=str(selector.kind),
            value=selector.value,
            reason=reason,
        )
        self._metrics.panicked()
        ordered = await self._revocations.order(peer.principal(), selector, reason, key)
        return render.reply(
            render.revocation(ordered), status=200 if ordered.is_acknowledged else 202
        )


def _peer(request: web.Request) -> Peer:
    """Ask the kernel who connected."""
    transport = request.transport
    connected = None if transport is None else transport.get_extra_info("socket")
    if connected is None:
        raise AccessDeniedError("nobody-there")
    told = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    pid, uid, _ = _PEER.unpack(told)
    return Peer(pid, uid)
