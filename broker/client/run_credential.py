"""The credential of one need, for a program that runs below ``broker run``.

The run keeps it fresh; here nothing is kept. So what is handed out is alive when it is asked for,
and what was revoked is handed out no more.
"""

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from broker.client.errors import ClientError
from broker.clock import Clock, SystemClock
from broker.secret import Secret
from broker.shapes import desk
from broker.shapes.given import Given, UnfitError, live


class RunCredentialError(ClientError):
    """The run gives no credential for this need, or none of this form."""

    remedy: ClassVar[str] = (
        "Look at what broker run has printed, and at the needs that it was given."
    )


class RunAwayError(RunCredentialError):
    """The run does not answer, or has nothing now: the same may work later."""

    remedy: ClassVar[str] = "Try again shortly; a run that has ended gives nothing any more."


class RunCredential:
    """One need of this run, for programs without an event loop. Threads may share it."""

    def __init__(self, need: str, *, word: str = "", clock: Clock | None = None) -> None:
        """Name the need, and the word that is its token where several might be."""
        self._need, self._word = need, word
        self._clock = clock or SystemClock()

    def secret(self) -> dict[str, Secret]:
        """Return the current words by name; ask anew whenever you connect.

        Raises:
            RunCredentialError: the run gives none.
        """
        return dict(self._given().words)

    def headers(self, method: str, url: str) -> dict[str, str]:
        """Return the headers of one request: the current token.

        Raises:
            RunCredentialError: the run gives none, or it is no token.
        """
        del method, url
        try:
            return {"Authorization": f"Bearer {self._given().token(self._word).reveal()}"}
        except UnfitError as error:
            raise RunCredentialError(f"{self._need}: {error}") from error

    def heed(self, url: str, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - as the others that are shown
        """Return False: the credentials of a run prove no key, and need no nonce."""
        return False

    def refused(self, authorization: str) -> bool:
        """Learn that a server has refused this header; tell whether the run has another one now."""
        return self.headers("", "") != {"Authorization": authorization}

    def _given(self) -> Given:
        try:
            return live(desk.ask(self._need), self._clock.now_ms())
        except desk.DeskAwayError as error:
            raise RunAwayError(str(error)) from error
        except (desk.DeskRefusedError, UnfitError) as error:
            raise RunCredentialError(str(error)) from error


class AsyncRunCredential:
    """One need of this run, for programs with an event loop, which it does not hold up."""

    def __init__(self, need: str, *, word: str = "", clock: Clock | None = None) -> None:
        """Name the need, and the word that is its token where several might be."""
        self._credential = RunCredential(need, word=word, clock=clock)

    async def secret(self) -> dict[str, Secret]:
        """As :meth:`RunCredential.secret`."""
        return await asyncio.to_thread(self._credential.secret)

    async def headers(self, method: str, url: str) -> dict[str, str]:
        """As :meth:`RunCredential.headers`."""
        return await asyncio.to_thread(self._credential.headers, method, url)

    def heed(self, url: str, headers: Mapping[str, str]) -> bool:
        """As :meth:`RunCredential.heed`."""
        return self._credential.heed(url, headers)

    async def refused(self, authorization: str) -> bool:
        """As :meth:`RunCredential.refused`."""
        return await asyncio.to_thread(self._credential.refused, authorization)
