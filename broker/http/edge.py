"""The one middleware: names the request, attests the caller, answers every failure.

One instead of several because each costs on every request. What it decides:

- a route is authenticated unless its path is in :data:`PUBLIC`;
- ``except Exception`` is here and nowhere else in the edge;
- the caller learns what :mod:`broker.http.problems` says, the log gets the rest.
"""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from msgspec.structs import replace

from broker.attestation.reasons import Reason
from broker.errors import AttestationError, InvalidProofError, InvalidRequestError
from broker.http import (
    authzen_routes,
    document_routes,
    end_routes,
    oauth_routes,
    problems,
    session_routes,
    signal_routes,
    status_routes,
)
from broker.http.admission import LOCAL, Admission
from broker.http.journal import Journal
from broker.http.keys import PRINCIPAL, REQUEST_ID
from broker.http.mutations import Handler
from broker.http.origin import origin_of
from broker.http.peer_chain import peer_chain
from broker.http.possession import PROOF
from broker.http.refusals import ExpectationFailedError, TooManyRequestsError, of_aiohttp
from broker.http.services import Services
from broker.metrics import ATTESTED, NO_TOKEN
from broker.model.principal import Principal
from broker.proof.authorization import (
    Authorization,
    AuthorizationError,
    Scheme,
    parse_authorization,
)
from broker.proof.confirmation import NOTHING_PROVEN
from broker.proof.holding import UnheldError, ensure_held, ensure_scheme

P = ParamSpec("P")

_LONGEST_ID: Final = 256

PUBLIC: Final = frozenset(
    {
        status_routes.HEALTHZ,
        status_routes.READYZ,
        status_routes.METRICS,
        oauth_routes.JWKS,
        oauth_routes.METADATA,
        oauth_routes.DISCOVERY,
        authzen_routes.CONFIGURATION,
        document_routes.CONTRACT,
        document_routes.PROBLEM,
        signal_routes.SIGNALS,
        end_routes.ENDS,
        session_routes.BACKCHANNEL,
    }
)
"""All that anybody may ask for. A test walks the route table and finds nothing else open."""

_SINGLETONS: Final = ("Authorization", "Idempotency-Key", PROOF)
"""Headers that must not come twice. aiohttp's parser refuses the rest of them: ``Host``,
``Content-Type``, ``Content-Length``, ``Transfer-Encoding``."""


class Edge:
    """Stands between the router and the handlers."""

    def __init__(self, services: Services, admission: Admission) -> None:
        self._authenticate = services.authenticate
        self._clients = services.clients
        self._possession = services.possession
        self._metrics = services.metrics
        self._came = services.came
        self._request_id = services.request_id
        self._journal = Journal(services.log, logs_all=services.limits.log_requests)
        self._admission = admission

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Run one request."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._came()
        request[REQUEST_ID] = self._request_id()
        path = _path(request)
        try:
            response = await self._admitted(request, handler, path)
        except Exception as error:  # noqa: BLE001 - the one place that answers whatever went wrong
            response = self._refusal(request, error)
        if not response.prepared:
            response.headers.update(self._possession.news(request))
        self._metrics.requested(request.method if path else "", path, response.status)
        self._journal.answered(request, path, response.status, loop.time() - started)
        return response

    async def _admitted(
        self, request: web.Request, handler: Handler, path: str
    ) -> web.StreamResponse:
        if request.version < HttpVersion10:
            raise InvalidRequestError("speak HTTP/1.1")
        client = self._client_behind_proxy(request)
        if client == LOCAL:
            return await self._attested(request, handler, path)
        if not self._admission.take(client):
            raise TooManyRequestsError("one client of a proxy holds all that one may")
        try:
            return await self._attested(request, handler, path)
        finally:
            self._admission.give_back(client)

    async def _attested(
        self, request: web.Request, handler: Handler, path: str
    ) -> web.StreamResponse:
        if path and path not in PUBLIC:
            caller = await self._attest(request)
            address = self._client_behind_proxy(request) or request.remote or ""
            request[PRINCIPAL] = replace(caller, origin=origin_of(caller.claims, address))
        return await handler(request)

    async def _attest(self, request: web.Request) -> Principal:
        try:
            shown, chain = _shown(request), peer_chain(request.get_extra_info("ssl_object"))
            caller = await self._caller(shown, chain)
            principal = await self._with_keys(request, shown, chain, caller)
        except AttestationError as error:
            self._metrics.attested(error.reason)
            raise
        self._metrics.attested(ATTESTED)
        return principal

    async def _caller(self, shown: Authorization | None, chain: tuple[bytes, ...]) -> Principal:
        """Attest the token, or in its absence the certificate: never both, never either."""
        if shown is not None:
            return await self._authenticate(shown.token)
        if not chain:
            raise AttestationError(NO_TOKEN, "no token")
        return self._clients.by_certificate(chain)

    async def _with_keys(
        self,
        request: web.Request,
        shown: Authorization | None,
        chain: tuple[bytes, ...],
        caller: Principal,
    ) -> Principal:
        """Note which keys the request proves; a token shown under DPoP needs its proof.

        A token that is itself bound is somebody's only if its key is among them.

        Raises:
            InvalidProofError: a proof is missing, or refused.
            AttestationError: the token is bound to a key that the request does not hold.
        """
        bound_to, scheme = caller.bound_to, None if shown is None else shown.scheme
        if bound_to is not None:
            _require(ensure_scheme, bound_to, scheme)
        is_dpop = scheme is Scheme.DPOP
        token = "" if shown is None else shown.token
        dpop = await self._possession.proven(
            request, token=token, demands_hash=is_dpop, wanted=bound_to if is_dpop else None
        )
        if is_dpop and dpop is None:
            raise InvalidProofError("the scheme DPoP comes with a proof", field=PROOF)
        proven = NOTHING_PROVEN
        if dpop is not None or chain:
            proven = replace(self._clients.key_of(chain), dpop=dpop)
            caller = replace(caller, proven=proven)
        if bound_to is not None:
            _require(ensure_held, bound_to, scheme, proven)
        return caller

    def _client_behind_proxy(self, request: web.Request) -> str:
        """Name the client that a trusted proxy speaks for.

        Empty for whoever connects directly: there the connection has been counted.
        """
        address = request.remote
        if address is None or not self._admission.trusts(address):
            return LOCAL
        return self._admission.client_behind(address, request.headers.getall("X-Forwarded-For", ()))

    def _refusal(self, request: web.Request, error: Exception) -> web.Response:
        if isinstance(error, ConnectionError) and request.transport is None:
            raise error  # the client is gone: aiohttp ends the connection without a word
        cause = of_aiohttp(error, request.path) if isinstance(error, web.HTTPException) else error
        self._journal.refused(request, cause)
        return problems.answer(cause, is_oauth=request.path.startswith(oauth_routes.PREFIX))


async def seal(request: web.Request, response: web.StreamResponse) -> None:
    """Set what every answer carries, and take away what aiohttp says of itself."""
    headers = response.headers
    headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    headers["X-Content-Type-Options"] = "nosniff"
    if REQUEST_ID in request:
        headers["X-Request-Id"] = _echoed(request) or request[REQUEST_ID]
    headers.popall(hdrs.SERVER, None)


def _echoed(request: web.Request) -> str:
    """Return the name that the caller gave its request, where a standard wants it back (AuthZEN).

    It goes nowhere else: our own name is what logs have.
    """
    if not request.path.startswith("/access/v1/"):
        return ""
    given = request.headers.get("X-Request-Id", "")
    is_plain = given.isascii() and given.isprintable() and len(given) <= _LONGEST_ID
    return given if is_plain else ""


async def expect(request: web.Request) -> web.StreamResponse | None:
    """Answer ``Expect: 100-continue``; refuse any other expectation.

    aiohttp's own version would say the header's value back.
    """
    if request.headers[hdrs.EXPECT].lower() != "100-continue":
        return problems.answer(ExpectationFailedError("only 100-continue can be expected"))
    if request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # nothing of the answer itself has been sent
    return None


def _path(request: web.Request) -> str:
    """Return the template of the route's path; empty when no route matches."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


def _require(rule: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Hold a request to a rule of possession; nobody is told which key would have done."""
    try:
        rule(*args, **kwargs)
    except UnheldError as error:
        raise AttestationError(Reason.UNHELD, str(error)) from None


def _shown(request: web.Request) -> Authorization | None:
    """Return the token that a request shows, if it shows one.

    Raises:
        InvalidRequestError: a header that says who calls, or which request this is, comes twice.
        AttestationError: the header is malformed.
    """
    headers = request.headers
    for name in _SINGLETONS:
        if len(headers.getall(name, ())) > 1:
            raise InvalidRequestError("send this header once", field=name)
    try:
        return parse_authorization(headers.getall(hdrs.AUTHORIZATION, ()))
    except AuthorizationError as error:
        raise AttestationError(Reason.MALFORMED, str(error)) from None
