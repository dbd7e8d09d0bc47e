"""The one middleware: names the request, attests the caller, answers every failure.

One instead of several because each costs on every request. What it decides:

- a route is authenticated unless its path is in :data:`PUBLIC`;
- ``except Exception`` is here and nowhere else in the edge;
- the caller learns what :mod:`broker.http.problems` says, the log gets the rest.
"""

import asyncio
from typing import Final

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web

from broker.errors import AttestationError, InvalidRequestError
from broker.http import document_routes, oauth_routes, problems, status_routes
from broker.http.admission import LOCAL, Admission
from broker.http.journal import Journal
from broker.http.keys import PRINCIPAL, REQUEST_ID
from broker.http.mutations import Handler
from broker.http.refusals import ExpectationFailedError, TooManyRequestsError, of_aiohttp
from broker.http.services import Services
from broker.metrics import ATTESTED, NO_TOKEN
from broker.model.principal import Principal

PUBLIC: Final = frozenset(
    {
        status_routes.HEALTHZ,
        status_routes.READYZ,
        status_routes.METRICS,
        oauth_routes.JWKS,
        oauth_routes.METADATA,
        document_routes.CONTRACT,
        document_routes.PROBLEM,
    }
)
"""All that anybody may ask for. A test walks the route table and finds nothing else open."""

_SINGLETONS: Final = ("Authorization", "Idempotency-Key")
"""Headers that must not come twice. aiohttp's parser refuses the rest of them: ``Host``,
``Content-Type``, ``Content-Length``, ``Transfer-Encoding``."""


class Edge:
    """Stands between the router and the handlers."""

    def __init__(self, services: Services, admission: Admission) -> None:
        self._authenticate = services.authenticate
        self._metrics = services.metrics
        self._request_id = services.request_id
        self._journal = Journal(services.log, logs_all=services.limits.log_requests)
        self._admission = admission

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Run one request."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        request[REQUEST_ID] = self._request_id()
        path = _path(request)
        try:
            response = await self._admitted(request, handler, path)
        except Exception as error:  # noqa: BLE001 - the one place that answers whatever went wrong
            response = self._refusal(request, error)
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
            request[PRINCIPAL] = await self._attest(_bearer(request))
        return await handler(request)

    async def _attest(self, token: str) -> Principal:
        if not token:
            self._metrics.attested(NO_TOKEN)
            raise AttestationError(NO_TOKEN, "no bearer token")
        try:
            principal = await self._authenticate(token)
        except AttestationError as error:
            self._metrics.attested(error.reason)
            raise
        self._metrics.attested(ATTESTED)
        return principal

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
    headers[hdrs.CACHE_CONTROL] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    if REQUEST_ID in request:
        headers["X-Request-Id"] = request[REQUEST_ID]
    headers.popall(hdrs.SERVER, None)


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


def _bearer(request: web.Request) -> str:
    """Return the bearer token; empty when there is none.

    Raises:
        InvalidRequestError: a header that says who calls, or which request this is, comes twice.
    """
    headers = request.headers
    for name in _SINGLETONS:
        if len(headers.getall(name, ())) > 1:
            raise InvalidRequestError("send this header once", field=name)
    scheme, _, token = headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token if scheme.lower() == "bearer" else ""
