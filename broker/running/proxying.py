"""A run whose command reaches servers through the injecting proxy, and holds stand-ins alone.

The shapes stay what they are: they are made of the stand-in in the place of the credential, so they
need no renewal either.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from broker.client.errors import ClientError
from broker.proxy import (
    Declared,
    HeldValues,
    InjectingProxy,
    NotHeldError,
    Options,
    Reporter,
    Route,
    child_environment,
    parse_routes,
    write_bundle,
)
from broker.proxy.placing import InBasic
from broker.running.errors import RunError
from broker.running.keeper import Holdings, Keeper
from broker.running.shapes.shape import Place
from broker.running.source import CredentialSource
from broker.secret import Secret
from broker.strict_json import loads
from broker.tools.words import Place as StandInPlace

MAX_BYTES: Final = 262_144
"""A file of routes is no longer than this."""

Through = Callable[[Mapping[str, str]], dict[str, str]]
"""Changes an environment so that what runs in it goes through the proxy."""


_USE: Final = (
    "Send it {ways}; through the proxy that the run's environment names, which puts the credential"
    " in its place."
)

_LOGIN: Final = (
    "Log in with it as the password of {username} to the database {database} at {host}:{port},"
    " without TLS, which logs in at the server with the credential."
)

_MOST_TOLD: Final = 8
"""So many servers are named to whoever asks how a stand-in is used."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A proxy that is open."""

    through: Through
    places: Mapping[str, StandInPlace]
    """By need: its stand-in, and how that is used."""


class ProxyUnfitError(RunError):
    """The proxy cannot be opened."""

    remedy = "Look at --proxy, --upstream-ca and the folder of the run."


class _Held:
    """What the run holds, as the proxy asks for it."""

    def __init__(self, source: CredentialSource) -> None:
        self._source = source

    async def current(self, need: str) -> HeldValues:
        """Return what is alive now."""
        try:
            held = await self._source.current(need)
        except ClientError as error:
            raise NotHeldError(str(error)) from error
        return HeldValues(held.credential_id, held.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxying:
    """How a run's command reaches servers."""

    routes: tuple[Declared, ...]
    only_declared: bool = False
    upstream_ca: Path | None = None
    log: Path | None = None

    @property
    def needs(self) -> frozenset[str]:
        """The needs of which the command gets the stand-in alone."""
        return frozenset(route.need for route in self.routes)

    @asynccontextmanager
    async def opened(
        self,
        keepers: Mapping[str, Keeper],
        place: Place,
        deadline: datetime,
        reporter: Reporter | None = None,
    ) -> AsyncIterator[Opened]:
        """Stand between the command and its servers until the block ends; it is told of each use.

        Raises:
            RunError: the proxy cannot be opened, or a need cannot be shown as a stand-in.
        """
        async with self._made(keepers, place, deadline, reporter) as proxy:
            for need in self.needs:
                _show(keepers[need], proxy)
            try:
                bundle = write_bundle(place.folder, proxy.authority_pem)
            except OSError as error:
                raise ProxyUnfitError(f"{place.folder}: {error.strerror}") from error
            url = proxy.url.reveal()
            yield Opened(
                partial(child_environment, proxy_url=url, bundle=bundle),
                {need: self._place(need, proxy) for need in self.needs},
            )

    def _place(self, need: str, proxy: InjectingProxy) -> StandInPlace:
        stand_in, login = proxy.stand_ins.of(need), proxy.login(need)
        if login is not None:
            words = {name: word.reveal() for name, word in login.items()}
            return StandInPlace("stand-in", stand_in, _LOGIN.format_map(words))
        routes = (r for r in self.routes if isinstance(r, Route) and r.need == need)
        ways = list(dict.fromkeys(_way(route, stand_in) for route in routes))
        more = [f"to {len(ways) - _MOST_TOLD} servers more"] if len(ways) > _MOST_TOLD else []
        return StandInPlace(
            "stand-in", stand_in, _USE.format(ways="; ".join(ways[:_MOST_TOLD] + more))
        )

    def _made(
        self,
        keepers: Mapping[str, Keeper],
        place: Place,
        deadline: datetime,
        reporter: Reporter | None,
    ) -> InjectingProxy:
        desk = urlsplit(place.desk_url)
        options = Options(
            only_declared=self.only_declared,
            open_to=frozenset({(desk.hostname or "", desk.port or 0)}),
            upstream_ca=self.upstream_ca,
            log=self.log,
            reporter=reporter,
        )
        expires_at_ms = int(deadline.timestamp() * 1000)
        source = _Held(Holdings(keepers))
        try:
            return InjectingProxy(self.routes, source, expires_at_ms=expires_at_ms, options=options)
        except OSError as error:
            raise ProxyUnfitError(f"the authorities of --upstream-ca: {error}") from error


def _show(keeper: Keeper, proxy: InjectingProxy) -> None:
    login = proxy.login(keeper.need.name)
    if login is None:
        keeper.show_only(Secret(proxy.stand_ins.of(keeper.need.name)))
    else:
        keeper.show_login(login)


def _way(route: Route, stand_in: str) -> str:
    server = f"{route.scheme}://{route.authority.header(route.scheme)}"
    if isinstance(route.placing, InBasic):
        return f"to {server} as the password of HTTP Basic"
    return f"to {server} as {route.placing.field}: {route.placing.template.filled(stand_in)}"


def read_routes(text: bytes) -> tuple[Declared, ...]:
    """Read the routes of a file, in JSON.

    Raises:
        InvalidRequestError: they cannot be meant; ``field`` says which member.
    """
    return parse_routes(loads(text, max_bytes=MAX_BYTES, field="routes"))
