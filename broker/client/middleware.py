"""Guards an aiohttp application with a verifier.

Every route needs a token of the broker unless it is marked :func:`public`; :func:`require` adds
scopes. A route that somebody forgot is closed.

::

    app = web.Application(middlewares=[bearer(verifier, realm="orders")])

    @require("orders:read")
    async def orders(request: web.Request) -> web.Response:
        agent = request[VERIFIED].agent
"""

import re
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from broker.client.errors import (
    AuthorizationMalformedError,
    RefusalError,
    ScopeMissingError,
    TokenMissingError,
)
from broker.client.token import VerifiedToken
from broker.client.verifier import Verifier

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

VERIFIED: Final = web.RequestKey("VERIFIED", VerifiedToken)
"""The token of the request, on every route that is not public."""

_PUBLIC: Final = "_broker_is_public"
_CREDENTIALS: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.ASCII | re.IGNORECASE)
"""RFC 6750 §2.1; the scheme's name has no case (RFC 9110 §11.1)."""

_QUOTABLE: Final = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", re.ASCII)
"""RFC 6750 §3: what may stand between quotes in a challenge."""


def bearer(verifier: Verifier, *, realm: str) -> Middleware:
    """Make the middleware.

    Args:
        verifier: judges the tokens.
        realm: what the challenge calls this server.

    Raises:
        ValueError: the realm cannot stand in a header.
    """
    _require_quotable(realm)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if getattr(request.match_info.handler, _PUBLIC, False):
            return await handler(request)
        try:
            request[VERIFIED] = await verifier.verify(_token_of(request))
            return await handler(request)
        except RefusalError as refusal:
            return _challenge(refusal, realm)

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
    needed = frozenset(scopes)
    if not needed:
        raise ValueError("name at least one scope; the middleware alone demands a token")
    for scope in needed:
        _require_quotable(scope)

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        async def checked(request: web.Request) -> web.StreamResponse:
            if not needed <= request[VERIFIED].scopes:
                raise ScopeMissingError(needed)
            return await handler(request)

        return checked

    return decorate


def _token_of(request: web.Request) -> str:
    headers = request.headers.getall(hdrs.AUTHORIZATION, [])
    if len(headers) > 1 or "access_token" in request.query:
        raise AuthorizationMalformedError
    if not headers or headers[0].partition(" ")[0].lower() != "bearer":
        raise TokenMissingError
    credentials = _CREDENTIALS.fullmatch(headers[0])
    if credentials is None:
        raise AuthorizationMalformedError
    return credentials[1]


def _challenge(refusal: RefusalError, realm: str) -> web.Response:
    members = {"realm": realm}
    if refusal.error:
        members |= {"error": refusal.error, "error_description": refusal.advice}
    if isinstance(refusal, ScopeMissingError):
        members["scope"] = " ".join(sorted(refusal.scopes))
    challenge = ", ".join(f'{name}="{value}"' for name, value in members.items())
    headers = {hdrs.WWW_AUTHENTICATE: f"Bearer {challenge}", hdrs.CACHE_CONTROL: "no-store"}
    if refusal.retry_after_seconds:
        headers[hdrs.RETRY_AFTER] = str(refusal.retry_after_seconds)
    body = {name: value for name, value in members.items() if name != "realm"}
    return web.json_response(body, status=refusal.status, headers=headers)


def _require_quotable(text: str) -> None:
    if _QUOTABLE.fullmatch(text) is None:
        raise ValueError("only printable ASCII without quotes and backslashes can be in a header")
