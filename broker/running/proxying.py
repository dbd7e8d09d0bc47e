"""A run whose command reaches servers through the injecting proxy, and holds stand-ins alone.

The shapes stay what they are: they are made of the stand-in in the place of the credential, so they
need no renewal either.
"""

from collections import defaultdict
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
from broker.proxy.database_route import DatabaseRoute
from broker.proxy.leased import may_fit
from broker.proxy.placing import InBasic, InHeader
from broker.proxy.uses import ensure_log
from broker.reach.reach import UnreadableReachError
from broker.running.errors import RunError
from broker.running.keeper import Holdings, Keeper
from broker.running.leased_reach import LeasedReach, read
from broker.running.shapes.shape import Place
from broker.running.source import CredentialSource
from broker.running.source import HeldValues as RunsValues
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

_USE_OF_KEYS: Final = (
    "AWS's tools find it in the run's environment, with its secret, and sign with it {ways}; the"
    " proxy that the environment names signs anew with the credential."
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

    remedy = "Look at --proxy, --upstream-ca, --proxy-log and the folder of the run."


class _Held:
    """What the run holds, as the proxy asks for it."""

    def __init__(self, source: CredentialSource) -> None:
        self._source = source
        self._reach: defaultdict[str, LeasedReach] = defaultdict(LeasedReach)

    async def current(self, need: str) -> HeldValues:
        """Return what is alive now."""
        try:
            held = await self._source.current(need)
        except ClientError as error:
            raise NotHeldError(str(error)) from error
        reach = self._reach[need].of(held.reach)
        return HeldValues(held.credential_id, held.values, reach)


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
        self._check(keepers)
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

    def _check(self, keepers: Mapping[str, Keeper]) -> None:
        """Find out before the command starts what it could not know of when it asks."""
        for route in self.routes:
            held = keepers[route.need].last()
            _check_fits(route, held.values)
            _check_reach(route, held)
        if self.log is not None:
            try:
                ensure_log(self.log)
            except OSError as error:
                raise ProxyUnfitError(f"--proxy-log {self.log}: {error.strerror}") from error

    def _place(self, need: str, proxy: InjectingProxy) -> StandInPlace:
        stand_in, login = proxy.stand_ins.of(need), proxy.login(need)
        if login is not None:
            words = {name: word.reveal() for name, word in login.items()}
            return StandInPlace("stand-in", stand_in, _LOGIN.format_map(words))
        keys = proxy.keys(need)
        if keys is not None:
            stand_in = keys["access_key_id"].reveal()
        routes = (r for r in self.routes if isinstance(r, Route) and r.need == need)
        ways = list(dict.fromkeys(_way(route, stand_in) for route in routes))
        more = [f"to {len(ways) - _MOST_TOLD} servers more"] if len(ways) > _MOST_TOLD else []
        use = _USE if keys is None else _USE_OF_KEYS
        told = use.format(ways="; ".join(ways[:_MOST_TOLD] + more))
        return StandInPlace("stand-in", stand_in, told)

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


def _check_fits(route: Declared, values: Mapping[str, Secret]) -> None:
    if isinstance(route, DatabaseRoute) or not isinstance(route.placing, InBasic | InHeader):
        return  # the shapes of logins and keys are looked at where these are shown
    if missing := sorted(set(route.placing.template.names) - values.keys()):
        raise ProxyUnfitError(
            f"the route {route.id} puts in {', '.join(missing)}, and {route.need} has"
            f" {', '.join(sorted(values))}"
        )


def _check_reach(route: Declared, held: RunsValues) -> None:
    """Refuse a route of which nothing could ever be within what the lease says."""
    try:
        reach = read(held.reach)
    except UnreadableReachError as error:
        raise ProxyUnfitError(
            f"what the broker says of {held.capability} cannot be read, so nothing may be sent with"
            f" it: {error}; a newer version of this command may know it"
        ) from error
    if not may_fit(route, reach):
        at = route.authority
        raise ProxyUnfitError(
            f"the route {route.id} goes to {at.host}:{at.port}, and {held.capability} is not given"
            f" for that by this lease: mend the route, or ask for a scope that opens it"
        )


def _show(keeper: Keeper, proxy: InjectingProxy) -> None:
    need = keeper.need.name
    login, keys = proxy.login(need), proxy.keys(need)
    if login is not None:
        keeper.show_login(login)
    elif keys is not None:
        keeper.show_keys(keys)
    else:
        keeper.show_only(Secret(proxy.stand_ins.of(need)))


def _way(route: Route, stand_in: str) -> str:
    server = f"{route.scheme}://{route.authority.header(route.scheme)}"
    if isinstance(route.placing, InBasic):
        return f"to {server} as the password of HTTP Basic"
    if isinstance(route.placing, InHeader):
        text = route.placing.template.filled(stand_in)
        return f"to {server} as {route.placing.field}: {text}"
    return f"to {server}"


def read_routes(text: bytes) -> tuple[Declared, ...]:
    """Read the routes of a file, in JSON.

    Raises:
        InvalidRequestError: they cannot be meant; ``field`` says which member.
    """
    return parse_routes(loads(text, max_bytes=MAX_BYTES, field="routes"))
