"""Using a token where it counts: at the resource server."""

import asyncio
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Visit:
    """What the resource server answered: the status, and why it refused."""

    status: int
    why: str = ""

    def __str__(self) -> str:
        """Write it on one line."""
        return f"{self.status} {self.why}".strip()


class Visitor:
    """Asks the resource server for orders, with whatever token it is given.

    ``why`` is a word that the refusal must contain: a token that is refused for another reason than
    its death proves nothing.
    """

    def __init__(self, session: aiohttp.ClientSession, *, resource: str, clock: Clock) -> None:
        self._session = session
        self._url = f"{resource}/orders"
        self._clock = clock

    async def visit(self, token: Secret) -> Visit:
        """Use the token once."""
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        async with self._session.get(self._url, headers=headers) as answer:
            body = await answer.json()
            return Visit(answer.status, body.get("error_description", ""))

    async def is_accepted(self, token: Secret) -> None:
        """Use the token where it must be good.

        Raises:
            StepFailedError: it is refused.
        """
        visit = await self.visit(token)
        expect(visit.status == HTTPStatus.OK, expected="200 from the resource server", seen=visit)

    async def is_refused(self, token: Secret, why: str) -> None:
        """Use the token where it must be dead.

        Raises:
            StepFailedError: it is accepted, or refused for another reason.
        """
        _expect_refusal(await self.visit(token), why)

    async def first_refusal_ms(self, token: Secret, why: str) -> int:
        """Use the token until it is refused, and for some more times; return the first instant.

        The instant is one of the monotonic clock, so that the caller can subtract its own.

        Raises:
            StepFailedError: it is accepted for too long or again, or refused for another reason.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                refused_ms = await self._until_refused(token, why)
        except TimeoutError as error:
            seen = f"still accepted after {PATIENCE_SECONDS:g} s"
            raise StepFailedError(expected="401 from the resource server", seen=seen) from error
        for _ in range(LOOKS_AFTER):
            await self.is_refused(token, why)
        return refused_ms

    async def _until_refused(self, token: Secret, why: str) -> int:
        visit = Visit(HTTPStatus.OK)
        while visit.status == HTTPStatus.OK:
            visit = await self.visit(token)
        refused_ms = self._clock.monotonic_ms()
        _expect_refusal(visit, why)
        return refused_ms


def _expect_refusal(visit: Visit, why: str) -> None:
    is_right = visit.status == HTTPStatus.UNAUTHORIZED and why in visit.why
    expect(is_right, expected=f"401, because it was {why}, and for good", seen=visit)
