"""Using a token where it counts: at the resource server."""

import asyncio
from http import HTTPStatus
from typing import Final

import aiohttp

from broker.clock import Clock
from broker.dev.step import StepFailedError, expect
from broker.secret import Secret

PATIENCE_SECONDS: Final = 20.0
"""How long a dead token may still be accepted before the story gives up: far beyond any promise."""

LOOKS_AFTER: Final = 5
"""How often a refused token is tried again: a refusal must be one that stays."""


class Visitor:
    """Asks the resource server for orders, with whatever token it is given."""

    def __init__(self, session: aiohttp.ClientSession, *, resource: str, clock: Clock) -> None:
        self._session = session
        self._url = f"{resource}/orders"
        self._clock = clock

    async def visit(self, token: Secret) -> int:
        """Use the token once and return the status."""
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        async with self._session.get(self._url, headers=headers) as answer:
            return answer.status

    async def is_accepted(self, token: Secret) -> str:
        """Use the token where it must be good.

        Raises:
            StepFailedError: it is refused.
        """
        status = await self.visit(token)
        expect(status == HTTPStatus.OK, expected="200 from the resource server", seen=status)
        return "200"

    async def first_refusal_ms(self, token: Secret) -> int:
        """Use the token until it is refused, and for some more times; return the first instant.

        The instant is one of the monotonic clock, so that the caller can subtract its own.

        Raises:
            StepFailedError: it is accepted for too long, or again.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                refused_ms = await self._until_refused(token)
        except TimeoutError as error:
            seen = f"still accepted after {PATIENCE_SECONDS:g} s"
            raise StepFailedError(expected="401 from the resource server", seen=seen) from error
        for _ in range(LOOKS_AFTER):
            await self.is_refused(token)
        return refused_ms

    async def is_refused(self, token: Secret) -> None:
        """Use the token where it must be dead.

        Raises:
            StepFailedError: it is accepted.
        """
        status = await self.visit(token)
        expect(status == HTTPStatus.UNAUTHORIZED, expected="401, and for good", seen=status)

    async def _until_refused(self, token: Secret) -> int:
        status = HTTPStatus.OK
        while status == HTTPStatus.OK:
            status = HTTPStatus(await self.visit(token))
        refused_ms = self._clock.monotonic_ms()
        expect(status == HTTPStatus.UNAUTHORIZED, expected="200 or 401", seen=status)
        return refused_ms
