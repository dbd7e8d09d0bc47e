"""The proxy of one run: listens on loopback while it is open."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from broker.clock import Clock, SystemClock
from broker.proxy.certificates import TaskAuthority
from broker.proxy.connection import USER, Connection
from broker.proxy.database_route import DatabaseRoute
from broker.proxy.declared import Declared, Route
from broker.proxy.desk import Desk
from broker.proxy.dialling import Dialler, Resolver, SystemResolver
from broker.proxy.limits import Limits
from broker.proxy.listening import LOOPBACK, Listener
from broker.proxy.postgres.door import Door
from broker.proxy.rules import Rules
from broker.proxy.source import CredentialSource
from broker.proxy.standin import StandIns
from broker.proxy.uses import Reporter, Uses
from broker.secret import Secret

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
        declared: Iterable[Declared],
        source: CredentialSource,
        *,
        expires_at_ms: int,
        options: Options | None = None,
    ) -> None:
        """Make the run's word, stand-ins and authority; nothing listens yet.

        Args:
            declared: where credentials may go.
            source: who holds them.
            expires_at_ms: when the task ends at the latest, and the authority with it.
            options: all else.
        """
        chosen = options or Options()
        declared = tuple(declared)
        self.stand_ins = StandIns(route.need for route in declared)
        databases = [route for route in declared if isinstance(route, DatabaseRoute)]
        routes = [route for route in declared if isinstance(route, Route)]
        rules = Rules(routes, self.stand_ins, [each.authority.host for each in databases])
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
        self._listener = Listener(chosen.limits, lambda child: Connection(self._desk, child))
        self._doors = {
            route.need: Door(self._desk, route, self.stand_ins.of(route.need))
            for route in databases
        }
        self._teller: asyncio.Task[None] | None = None

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
        return self._listener.port

    @property
    def url(self) -> Secret:
        """The URL for the child's environment; whoever has it is taken for the child."""
        return Secret(f"http://{USER}:{self._desk.word.reveal()}@{LOOPBACK}:{self.port}")

    def login(self, need: str) -> Mapping[str, Secret] | None:
        """Return what the child logs in with at a database, in a credential's words.

        None if the need goes to servers of HTTP: then it has its stand-in alone.

        Raises:
            RuntimeError: the proxy is not open.
        """
        door = self._doors.get(need)
        return door.login() if door else None

    def keys(self, need: str) -> Mapping[str, Secret] | None:
        """Return what the child signs with at AWS, in a credential's words; None if it does not."""
        if not self._desk.rules.signs(need):
            return None
        stand_in = self.stand_ins.whole(need)
        return {
            "access_key_id": Secret(stand_in.access_key_id),
            "secret_access_key": stand_in.secret_access_key,
            "session_token": Secret(stand_in.word),
        }

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        for each in self._listeners():
            await each.open()
        self._teller = asyncio.create_task(self._uses.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut every connection off, and tell what is left to tell."""
        for each in self._listeners():
            await each.close()
        if self._teller is not None:
            await self._uses.stop(self._teller)

    def _listeners(self) -> list[Listener]:
        return [self._listener, *(door.listener for door in self._doors.values())]
