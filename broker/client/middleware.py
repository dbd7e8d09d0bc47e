"""Guards an aiohttp application with a verifier.

Every route needs a token of the broker unless it is marked :func:`public`; :func:`require` and
:func:`broker.client.requires` add conditions. A route that somebody forgot is closed.

::

    app = web.Application(middlewares=[bearer(verifier, realm="orders")])

    @require("orders:read")
    async def orders(request: web.Request) -> web.Response:
        agent = request[VERIFIED].agent
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from broker.client import passage
from broker.client.bearer import Presented, refusal_answer, require_quotable
from broker.client.errors import RefusalError
from broker.client.requires import requires
from broker.client.token import VerifiedToken
from broker.client.verifier import Verifier

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

VERIFIED: Final = web.RequestKey("VERIFIED", VerifiedToken)
"""The token of the request, on every route that is not public."""

_PUBLIC: Final = "_broker_is_public"


def bearer(verifier: Verifier, *, realm: str) -> Middleware:
    """Make the middleware.

    Args:
        verifier: judges the tokens.
        realm: what the challenge calls this server.

    Raises:
        ValueError: the realm cannot stand in a header.
    """
    require_quotable(realm)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if getattr(request.match_info.handler, _PUBLIC, False):
            return await handler(request)
        try:
            token = await verifier.admit(_presented(request))
            return await _handle(request, handler, token)
        except RefusalError as refusal:
            return _answer(refusal, realm)

    return guard


def public(handler: Handler) -> Handler:
    """Mark a handler that needs no token."""
    setattr(handler, _PUBLIC, True)
    return handler


def require(*scopes: str) -> Callable[[Handler], Handler]:
    """Let a handler run only for tokens that have all these scopes.

    Raises:
        ValueError: no scope is given, or one of them cannot stand in a header.
    """
    return requires(scope=scopes)


async def _handle(
    request: web.Request, handler: Handler, token: VerifiedToken
) -> web.StreamResponse:
    request[VERIFIED] = token
    with passage.opened(token) as here:
        response = await handler(request)
        if here.refusal is not None and not response.prepared:
            raise here.refusal  # a middleware in between has made something else of it
        return response


def _presented(request: web.Request) -> Presented:
    tls = request.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    return Presented(
        tuple(request.headers.getall(hdrs.AUTHORIZATION, [])),
        request.rel_url.raw_query_string,
        method=request.method,
        path=request.rel_url.raw_path,
        proofs=tuple(request.headers.getall("DPoP", [])),
        certificate=certificate or b"",
    )


def _answer(refusal: RefusalError, realm: str) -> web.Response:
    answer = refusal_answer(refusal, realm)
    return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)
