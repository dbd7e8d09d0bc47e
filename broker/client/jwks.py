"""The broker's public keys, fetched in the background.

* Verifying never waits for the network, except for a key id that nobody has seen: then for one
  fetch that all such tokens share, and at most one per cool-down (so unknown ids are no weapon).
* A failed fetch changes nothing: the last good set serves until it is older than ``max_stale_ms``;
  then nothing can be verified, so nothing is (I5). An empty set is a failed fetch.
* A key that the broker takes away is refused one refresh period later.
"""

import asyncio
import contextlib
import logging
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import aiohttp

from broker import strict_json
from broker.client.endpoint import parse_base_url, read_bounded, require_clean
from broker.client.errors import ClientError, KeysUnavailableError
from broker.client.keys import VerificationKey, parse_key_set
from broker.client.tls import Tls
from broker.clock import Clock
from broker.errors import InvalidRequestError

MAX_SET_BYTES: Final = 262_144
"""Hundreds of keys; a bigger body is not a key set."""

FETCH_SECONDS: Final = 3.0
"""How long one fetch may take, from connecting to the last byte."""

RETRY_MS: Final = 1_000
"""How soon to try again after a failed fetch."""

_LOG: Final = logging.getLogger(__name__)


class JwksKeys:
    """A key source (:class:`broker.client.keys.KeySource`) that follows a JWKS URL.

    Use it as an async context manager: a task of its own keeps the set fresh while it is entered.
    """

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        refresh_ms: int = 60_000,
        cooldown_ms: int = 10_000,
        max_stale_ms: int = 3_600_000,
        allow_plain_http: bool = False,
        tls: Tls | None = None,
    ) -> None:
        """Fix where the keys are; nothing is fetched yet.

        Raises:
            ValueError: the URL or the session is not fit (see :mod:`broker.client.endpoint`).
        """
        require_clean(session)
        self._url = parse_base_url(url, allow_plain_http=allow_plain_http)
        self._session = session
        self._tls = tls
        self._clock = clock
        self._refresh_ms = refresh_ms
        self._cooldown_ms = cooldown_ms
        self._max_stale_ms = max_stale_ms
        self._keys: dict[str, VerificationKey] = {}
        self._fetched_ms = 0
        self._next_fetch_ms = clock.monotonic_ms()
        self._fetched = asyncio.Event()
        self._flight: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep_fresh())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tasks = [task for task in (self._keeper, self._flight) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def find(self, kid: str) -> VerificationKey | None:
        """Return the key of this name, or None when the issuer has none.

        Raises:
            KeysUnavailableError: no set was ever fetched, or the last one is too old.
        """
        key = self._current().get(kid)
        if key is not None:
            return key
        await self._refresh()
        if not self._current():
            raise KeysUnavailableError("the broker's keys could not be fetched for too long")
        return self._keys.get(kid)

    async def wait_current(self) -> None:
        """Wait until a set has been fetched."""
        await self._fetched.wait()

    def _current(self) -> dict[str, VerificationKey]:
        age_ms = self._clock.monotonic_ms() - self._fetched_ms
        return self._keys if age_ms <= self._max_stale_ms else {}

    async def _keep_fresh(self) -> None:
        while True:
            await self._refresh()
            due_ms = self._fetched_ms + self._refresh_ms if self._current() else 0
            wait_ms = max(due_ms, self._next_fetch_ms) - self._clock.monotonic_ms()
            await asyncio.sleep(max(wait_ms, RETRY_MS) / 1000)

    async def _refresh(self) -> None:
        if self._flight is None or self._flight.done():
            if self._clock.monotonic_ms() < self._next_fetch_ms:
                return
            self._flight = asyncio.create_task(self._fetch())
        # One caller's cancellation must not take the fetch away from the others.
        await asyncio.shield(self._flight)

    async def _fetch(self) -> None:
        pause_ms = RETRY_MS
        # Ending is no failure of those who wait: they look at the set that is there.
        with contextlib.suppress(asyncio.CancelledError):
            try:
                self._keys = await self._download()
                self._fetched_ms = self._clock.monotonic_ms()
                self._fetched.set()
                pause_ms = self._cooldown_ms
            except (aiohttp.ClientError, TimeoutError, OSError, ClientError, ValueError) as error:
                _LOG.warning("the broker's keys could not be fetched: %s", type(error).__name__)
        self._next_fetch_ms = self._clock.monotonic_ms() + pause_ms

    async def _download(self) -> dict[str, VerificationKey]:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        context = True if self._tls is None else await self._tls.context()
        async with self._session.get(
            self._url, allow_redirects=False, timeout=timeout, ssl=context
        ) as answer:
            if answer.status != HTTPStatus.OK:
                raise ValueError("the JWKS URL does not answer 200")
            body = await read_bounded(answer, MAX_SET_BYTES)
        try:
            return parse_key_set(strict_json.loads(body, max_bytes=MAX_SET_BYTES))
        except InvalidRequestError as error:
            raise ValueError("the key set is not strict JSON") from error
