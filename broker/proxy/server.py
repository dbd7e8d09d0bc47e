"""The proxy of one run: listens on loopback while it is open."""

import asyncio
import contextlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from broker.clock import Clock, SystemClock
from broker.proxy.certificates import TaskAuthority
from broker.proxy.connection import USER, Connection
from broker.proxy.declared import Route
from broker.proxy.desk import Desk
from broker.proxy.dialling import Dialler, Resolver, SystemResolver
from broker.proxy.limits import Limits
from broker.proxy.rules import Rules
from broker.proxy.source import CredentialSource
from broker.proxy.standin import StandIns
from broker.proxy.uses import Reporter, Uses
from broker.proxy.wire import Wire
from broker.secret import Secret

LOOPBACK: Final = "127.0.0.1"
_WORD_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be chosen for a run."""

    only_declared: bool = False
    """Refuse every server that is not declared; otherwise it is reached without a credential."""
    open_to: frozenset[tuple[str, int]] = frozenset()
    """Hosts and ports that are reached all the same, without a credential: the run's own desk."""
    upstream_ca: Path | None = None
    """Authorities that certify servers, in the place of the system's."""
    log: Path | None = None
    """A file that uses are appended to, one line of JSON each."""
    reporter: Reporter | None = None
    limits: Limits = field(default_factory=Limits)
    resolver: Resolver = field(default_factory=SystemResolver)
    clock: Clock = field(default_factory=SystemClock)


class InjectingProxy:
    """Puts credentials in for one child, until ``expires_at_ms`` or until it is closed."""

    def __init__(
        self,
        routes: Iterable[Route],
        source: CredentialSource,
        *,
        expires_at_ms: int,
        options: Options | None = None,
    ) -> None:
        """Make the run's word, stand-ins and authority; nothing listens yet.

        Args:
            routes: where credentials may go.
            source: who holds them.
            expires_at_ms: when the task ends at the latest, and the authority with it.
            options: all else.
        """
        chosen = options or Options()
        declared = tuple(routes)
        self.stand_ins = StandIns(route.need for route in declared)
        rules = Rules(declared, self.stand_ins)
        upstream_ca = str(chosen.upstream_ca) if chosen.upstream_ca else None
        self._uses = Uses(chosen.log, chosen.reporter)
        self._desk = Desk(
            rules=rules,
            source=source,
            dialler=Dialler(chosen.limits, chosen.resolver, upstream_ca),
            authority=TaskAuthority(
                rules.hosts, now_ms=chosen.clock.now_ms(), expires_at_ms=expires_at_ms
            ),
            uses=self._uses,
            limits=chosen.limits,
            clock=chosen.clock,
            word=Secret(secrets.token_urlsafe(_WORD_BYTES)),
            only_declared=chosen.only_declared,
            open_to=chosen.open_to,
        )
        self._server: asyncio.Server | None = None
        self._teller: asyncio.Task[None] | None = None
        self._served: dict[asyncio.Task[None], Connection] = {}

    @property
    def authority_pem(self) -> str:
        """The certificate that the child must trust."""
        return self._desk.authority.pem

    @property
    def port(self) -> int:
        """The port on loopback.

        Raises:
            RuntimeError: the proxy is not open.
        """
        if self._server is None:
            message = "the proxy is not open"
            raise RuntimeError(message)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> Secret:
        """The URL for the child's environment; whoever has it is taken for the child."""
        return Secret(f"http://{USER}:{self._desk.word.reveal()}@{LOOPBACK}:{self.port}")

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        limit = self._desk.limits.head_bytes
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0, limit=limit)
        self._teller = asyncio.create_task(self._uses.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut every connection off, and tell what is left to tell."""
        if self._server is not None:
            self._server.close()
        for task, connection in list(self._served.items()):
            connection.abort()
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)
        if self._teller is not None:
            await self._uses.stop(self._teller)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or not self._has_room():
            writer.transport.abort()
            return
        connection = Connection(self._desk, Wire(reader, writer))
        self._served[task] = connection
        try:
            with contextlib.suppress(asyncio.CancelledError):  # the run is over
                await connection.run()
        finally:
            connection.abort()
            self._served.pop(task, None)

    def _has_room(self) -> bool:
        """Tell whether there is room for one more; a stranger, the oldest, has to make it.

        Whoever is on this machine can connect; nobody but the child must keep the child out.
        """
        if len(self._served) < self._desk.limits.connections:
            return True
        strangers = (task for task, each in self._served.items() if not each.is_known)
        oldest = next(strangers, None)
        if oldest is None:
            return False
        self._served.pop(oldest).abort()
        oldest.cancel()
        return True
