"""A relay for PostgreSQL, a holder of its credential, and the login that its child is given."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker.clock import SystemClock
from broker.proxy import HeldValues, InjectingProxy, Limits, NotHeldError, Options, parse_routes
from broker.reach.reach import Reach
from broker.secret import Secret
from tests.fakes.eventually_true import eventually_true
from tests.fakes.login_child import LoginChild
from tests.fakes.login_server import LoginServer
from tests.fakes.proxy_lab import LEASE, Names, Told

DATABASE = "orders"


class Holder:
    """Holds one login, until a test takes it away."""

    def __init__(self, user: str, password: str, **more: str) -> None:
        self.words = {"username": user, "password": password, **more}
        self.credential = LEASE
        self.is_held = True
        self.reach: Reach | None = None

    async def current(self, need: str) -> HeldValues:
        """Return what is held."""
        if not self.is_held:
            raise NotHeldError(need)
        values = {n: Secret(word) for n, word in self.words.items()}
        return HeldValues(self.credential, values, self.reach)


@dataclass
class Lab:
    """A relay that is open."""

    proxy: InjectingProxy
    holder: Holder
    told: Told
    children: list[LoginChild] = field(default_factory=list)

    async def child(self) -> LoginChild:
        """Connect to the relay."""
        self.children.append(await LoginChild.to(self.libpq["port"]))
        return self.children[-1]

    async def tried(self, *settings: str) -> tuple[bytes, bytes]:
        """Log in as a new child; return the last that it is told."""
        child = await self.child()
        return (await child.log_in(self.stand_in, *settings))[-1]

    @property
    def stand_in(self) -> str:
        """The password of the child."""
        return self.proxy.stand_ins.of("db")

    @property
    def login(self) -> dict[str, str]:
        """What the child is given, by a credential's words."""
        return {name: word.reveal() for name, word in (self.proxy.login("db") or {}).items()}

    @property
    def libpq(self) -> dict[str, Any]:
        """The same, as libpq's programs and drivers take it."""
        words = self.login
        return {
            "host": words["host"],
            "port": int(words["port"]),
            "dbname": words["database"],
            "user": words["username"],
            "password": words["password"],
            "sslmode": words["sslmode"],
        }

    @property
    def ends(self) -> list[str]:
        """How each use that was told has ended; all of them, once the relay is closed."""
        return [f"{use.method} {use.problem or use.outcome}" for use in self.told.uses]

    async def told_uses(self, count: int = 1) -> list[str]:
        """Wait for so many uses, and return how each has ended."""

        async def are_told() -> bool:
            return len(self.told.uses) >= count

        await eventually_true(are_told, "uses")
        return self.ends


@contextlib.asynccontextmanager
async def relayed(
    port: int,
    holder: Holder,
    *,
    limits: Limits | None = None,
    upstream_ca: Path | None = None,
    **route: object,
) -> AsyncIterator[Lab]:
    """Stand between a child and the database at a port of this machine until the block ends."""
    told, names = Told(), Names()
    names.known |= dict.fromkeys(("localhost", "db.test"), ("127.0.0.1",))
    declared = {"need": "db", "scheme": "postgres", "host": "localhost", "port": port}
    routes = parse_routes([{**declared, "database": DATABASE, "local": True, **route}])
    options = Options(
        only_declared=True,
        reporter=told,
        resolver=names,
        limits=limits or Limits(recheck_seconds=0.05),
        upstream_ca=upstream_ca,
    )
    expires_at_ms = SystemClock().now_ms() + 3_600_000
    async with InjectingProxy(
        routes, holder, expires_at_ms=expires_at_ms, options=options
    ) as proxy:
        lab = Lab(proxy, holder, told)
        try:
            yield lab
        finally:
            for child in lab.children:
                child.close()


@contextlib.asynccontextmanager
async def facing(server: LoginServer, holder: Holder, **more: Any) -> AsyncIterator[Lab]:
    """Run such a server, and stand between it and a child until the block ends."""
    async with server.running(), relayed(server.port, holder, **more) as lab:
        yield lab
