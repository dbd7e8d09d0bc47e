"""A whole verifier from a few words: keys, liveness, session, and their ends.

::

    async with open_verifier(
        "https://broker.example", audience="orders", token_source=token_file(path)
    ) as verifier:
        token = await verifier.verify(text)
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Literal

import aiohttp

from broker.client.endpoint import Endpoint, TokenSource, open_session
from broker.client.errors import BrokerUnreachableError
from broker.client.introspection import Introspection
from broker.client.jwks import JwksKeys
from broker.client.liveness import Liveness, OfflineLiveness
from broker.client.possession import Possession
from broker.client.subscription import Subscription
from broker.client.tls import Tls
from broker.client.transport import Transport
from broker.client.verifier import Verifier
from broker.client.view import View
from broker.clock import Clock, SystemClock
from broker.proof.nonces import DpopNonces

Check = Literal["feed", "introspect", "offline"]
"""How a resource server learns of revocations: as it is registered with the broker."""


def open_verifier(  # noqa: PLR0913  one keyword per choice, each with its default
    broker_url: str,
    *,
    audience: str,
    token_source: TokenSource | None = None,
    issuer: str = "",
    check: Check = "feed",
    max_age_ms: int = 5_000,
    cache_ms: int = 0,
    subscriber: str = "",
    leeway_ms: int = 0,
    open_within_seconds: float = 30.0,
    allow_plain_http: bool = False,
    clock: Clock | None = None,
    base_url: str = "",
    nonces: DpopNonces | None = None,
    tls: Tls | None = None,
) -> AbstractAsyncContextManager[Verifier]:
    """Open a verifier that can judge at once, and close everything of it at the end.

    Args:
        broker_url: where the broker is.
        audience: this resource server, as registered with the broker.
        token_source: returns this server's own workload token; ``offline`` needs none.
        issuer: the broker's ``iss``, if it is not ``broker_url`` byte for byte.
        check: ``feed`` follows revocations, ``introspect`` asks for each token, ``offline`` waits.
        max_age_ms: for ``feed``: the registered staleness bound; beyond it all are refused.
        cache_ms: for ``introspect``: how long a yes is remembered, as registered.
        subscriber: for ``feed``: this process's own stable name; one is made up without it.
        leeway_ms: by how much this machine's clock may be ahead of the broker's.
        open_within_seconds: how long to wait for the broker's keys and the feed's view.
        allow_plain_http: True lets tokens travel in clear text to another machine.
        clock: this machine's clocks.
        base_url: where clients reach this server: without it DPoP-bound tokens are refused.
        nonces: when given, DPoP proofs need one of them (:class:`Possession`).
        tls: whom to believe, and this server's own certificate, which may stand for a token.

    Raises:
        ValueError: an argument does not fit; the text says which and how to mend it.
        BrokerUnreachableError: the broker could not be followed in time.
    """
    mode = _Mode(check, max_age_ms, cache_ms, subscriber)
    place = _Place(broker_url, token_source, allow_plain_http, tls)
    trust = _Trust(issuer or broker_url, audience, leeway_ms, clock or SystemClock(), base_url)
    return _opened(place, mode, replace(trust, nonces=nonces), open_within_seconds)


@dataclass(frozen=True, slots=True)
class _Mode:
    check: Check
    max_age_ms: int
    cache_ms: int
    subscriber: str

    def liveness(self, endpoint: Endpoint, clock: Clock) -> Liveness:
        match self.check:
            case "feed":
                return View(clock, max_age_ms=self.max_age_ms)
            case "introspect":
                return Introspection(Transport(endpoint), clock, cache_ms=self.cache_ms)
            case "offline":
                return OfflineLiveness()
            case _:
                raise ValueError("check must be 'feed', 'introspect' or 'offline'")

    def subscription(self, endpoint: Endpoint, view: View) -> Subscription:
        name = self.subscriber or f"resource-{secrets.token_hex(8)}"
        return Subscription(endpoint, view, subscriber=name)


@dataclass(frozen=True, slots=True)
class _Place:
    broker_url: str
    token_source: TokenSource | None
    allow_plain_http: bool
    tls: Tls | None = None

    def endpoint(self, session: aiohttp.ClientSession, check: Check) -> Endpoint:
        is_certified = self.tls is not None and self.tls.shows_certificate
        if self.token_source is None and not is_certified and check != "offline":
            raise ValueError(f"check={check!r} needs a token_source: this server's workload token")
        source = self.token_source or (None if is_certified else _no_token)
        plain = self.allow_plain_http
        return Endpoint(self.broker_url, source, session, allow_plain_http=plain, tls=self.tls)

    def keys(self, endpoint: Endpoint, clock: Clock) -> JwksKeys:
        url = str(endpoint.url(".well-known", "jwks.json"))
        plain = self.allow_plain_http
        return JwksKeys(url, endpoint.session, clock, allow_plain_http=plain, tls=self.tls)


@dataclass(frozen=True, slots=True)
class _Trust:
    issuer: str
    audience: str
    leeway_ms: int
    clock: Clock
    base_url: str
    nonces: DpopNonces | None = None

    def verifier(self, keys: JwksKeys, liveness: Liveness) -> Verifier:
        return Verifier(
            self.issuer,
            self.audience,
            keys=keys,
            liveness=liveness,
            clock=self.clock,
            leeway_ms=self.leeway_ms,
            possession=Possession(self.clock, base_url=self.base_url, nonces=self.nonces),
        )


@asynccontextmanager
async def _opened(
    place: _Place, mode: _Mode, trust: _Trust, within_seconds: float
) -> AsyncIterator[Verifier]:
    async with open_session() as session, AsyncExitStack() as stack:
        endpoint = place.endpoint(session, mode.check)
        keys, liveness = place.keys(endpoint, trust.clock), mode.liveness(endpoint, trust.clock)
        verifier = trust.verifier(keys, liveness)
        waits = [(await stack.enter_async_context(keys)).wait_current]
        if isinstance(liveness, View):
            following = mode.subscription(endpoint, liveness)
            waits.append((await stack.enter_async_context(following)).wait_current)
        await _all_current(waits, within_seconds)
        yield verifier


async def _all_current(
    waits: Sequence[Callable[[], Awaitable[None]]], within_seconds: float
) -> None:
    try:
        async with asyncio.timeout(within_seconds):
            for wait in waits:
                await wait()
    except TimeoutError:
        text = f"the broker's keys and feed did not come within {within_seconds:g} s"
        raise BrokerUnreachableError(text) from None


async def _no_token() -> str:
    raise LookupError("this server has no workload token")
