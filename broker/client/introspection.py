"""The liveness of tokens by asking the broker each time (RFC 7662).

The token has already been checked here, signature included, so no stranger's text ever costs the
broker a request, and the claims are the signed ones: of the answer only ``active`` counts, and that
the token is still the same one.
"""

import hashlib
from http import HTTPStatus
from typing import Final

from broker.client.errors import (
    ClientError,
    IntrospectionUnavailableError,
    TokenRevokedError,
)
from broker.client.results import Introspected
from broker.client.token import VerifiedToken
from broker.client.transport import Call, Transport, read_answer
from broker.clock import Clock
from broker.secret import Secret

MAX_REMEMBERED: Final = 10_000
"""How many answers are kept; the oldest go first."""


class Introspection:
    """Answers of the broker, remembered for no longer than this audience has stated.

    ``cache_ms`` must be what the audience is registered with: the broker reports a revocation as
    confirmed when that time has passed. Only a yes is remembered, and only from before the request
    was sent.
    """

    def __init__(self, transport: Transport, clock: Clock, *, cache_ms: int = 0) -> None:
        if cache_ms < 0:
            raise ValueError("cache_ms must not be negative")
        self._transport = transport
        self._clock = clock
        self._cache_ms = cache_ms
        self._asked_ms: dict[bytes, int] = {}

    async def ensure_alive(self, token: VerifiedToken, raw: Secret) -> None:
        """Return if the broker says, or has just said, that the token is alive.

        Raises:
            TokenRevokedError: the broker says that it is not.
            IntrospectionUnavailableError: the broker says nothing that can be relied on.
        """
        name = hashlib.sha256(raw.reveal().encode()).digest()
        if self._is_remembered(name):
            return
        asked_ms = self._clock.monotonic_ms()
        answer = await self._ask(raw)
        if not answer.active:
            raise TokenRevokedError
        if answer.jti not in ("", token.jti):
            raise IntrospectionUnavailableError("the answer is about another token")
        self._remember(name, asked_ms)

    async def _ask(self, raw: Secret) -> Introspected:
        form = {"token": raw.reveal(), "token_type_hint": "access_token"}
        try:
            answer = await self._transport.send(Call("POST", ("oauth", "introspect"), form=form))
            if answer.status != HTTPStatus.OK:
                raise IntrospectionUnavailableError(f"the broker answered {answer.status}")
            return read_answer(answer, Introspected)
        except ClientError as error:
            raise IntrospectionUnavailableError(str(error)) from error

    def _is_remembered(self, name: bytes) -> bool:
        asked_ms = self._asked_ms.get(name)
        return asked_ms is not None and self._clock.monotonic_ms() - asked_ms < self._cache_ms

    def _remember(self, name: bytes, asked_ms: int) -> None:
        if self._cache_ms == 0:
            return
        self._asked_ms.pop(name, None)
        self._asked_ms[name] = asked_ms
        if len(self._asked_ms) > MAX_REMEMBERED:
            del self._asked_ms[next(iter(self._asked_ms))]
