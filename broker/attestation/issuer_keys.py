"""The keys of one issuer, kept fresh.

- A known key never waits: the set in hand answers, and a refresh that is due runs beside it.
- At most one look at the source at a time, and at most one per cool-down, whoever asks and however
  many unknown names they bring (B7).
- A failed look costs nothing: the last good set goes on, until it is too stale; then nothing is
  accepted (B8).
- A set is replaced as a whole, at once; ``generation`` then counts up.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from broker.attestation.claims import SignedClaims
from broker.attestation.compact import UnverifiedToken
from broker.attestation.header import JoseHeader
from broker.attestation.jwk import VerificationKey
from broker.attestation.key_source import KeySource, KeySourceError
from broker.attestation.keyset import KeySet, UnusableKeySetError
from broker.attestation.observer import Observer
from broker.attestation.reasons import Reason
from broker.clock import Clock
from broker.errors import AttestationError, KeySetUnavailableError

_AHEAD: Final = 0.75
"""A refresh starts at this share of its period, so that it is done when the period is over."""


@dataclass(frozen=True, slots=True)
class KeyTiming:
    """How old a set may be before it is looked for again, and before it is no longer trusted."""

    refresh_ms: int
    max_stale_ms: int
    cooldown_ms: int


_PERIODS: Final = 2
"""Cool-downs: no issuer makes us look more often, and a look that is due never falls into one."""

KeySetReader = Callable[[bytes], KeySet]
"""Reads a document, or raises :class:`~broker.attestation.keyset.UnusableKeySetError`."""


@dataclass(frozen=True, slots=True)
class _Held:
    key_set: KeySet
    digest: bytes
    monotonic_ms: int
    wall_ms: int


class IssuerKeys:
    """The verification keys of one issuer. Made in the event loop that uses it."""

    def __init__(
        self,
        source: KeySource,
        timing: KeyTiming,
        *,
        issuer: str,
        read: KeySetReader,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._source = source
        self._timing = timing
        self._issuer = issuer
        self._read = read
        self._clock = clock
        self._observer = observer
        self._held: _Held | None = None
        self._attempted_ms: int | None = None
        self._flight: asyncio.Task[None] | None = None
        self.generation = 0

    @property
    def key_set(self) -> KeySet | None:
        """The set in hand, if it may be trusted still."""
        return self._held.key_set if self._held is not None and self.is_usable else None

    @property
    def is_usable(self) -> bool:
        """Tell whether there is a set, and fresh enough to be trusted."""
        return self._held is not None and self._age_ms(self._held) <= self._timing.max_stale_ms

    async def key(self, key_id: str) -> VerificationKey:
        """Return the key of that name; only an unknown name or a lost set waits for a look.

        Raises:
            KeySetUnavailableError: ``keys-missing`` or ``keys-stale``: there is no set to judge by.
            AttestationError: ``unknown-key``: the set has no such key.
        """
        key = self._find(key_id)
        if key is None:
            await self.refresh()
            key = self._find(key_id)
        else:
            self.refresh_if_due()
        if key is None:
            raise self._refusal()
        return key

    def require(self) -> KeySet:
        """Return the set in hand.

        Raises:
            KeySetUnavailableError: ``keys-missing`` or ``keys-stale``.
        """
        key_set = self.key_set
        if key_set is None:
            raise self._refusal()
        return key_set

    async def verified(self, header: JoseHeader, token: UnverifiedToken) -> SignedClaims:
        """Return the claims of a token that the key it names has signed.

        Raises:
            AttestationError: as :meth:`key`, or ``algorithm``, ``signature``.
        """
        key = await self.key(header.key_id)
        if key.algorithm.name != header.algorithm:
            raise AttestationError(Reason.ALGORITHM, "the key is for another alg", claim="alg")
        if not key.verifies(token.signing_input, token.signature):
            raise AttestationError(Reason.SIGNATURE, "the signature does not hold")
        return SignedClaims(token.unverified_claims)

    def refresh_if_due(self) -> None:
        """Start a look at the source when the set is near the end of its period, and go on."""
        held = self._held
        if held is None or self._age_ms(held) >= self._period_ms(held) * _AHEAD:
            self._start()

    async def refresh(self) -> None:
        """Wait for the look under way, or for a new one unless the last is too recent."""
        flight = self._start()
        if flight is not None:
            # Shielded: a caller that goes away must not take the look from the others.
            await asyncio.shield(flight)

    async def close(self) -> None:
        """Give up the look under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)

    def _find(self, key_id: str) -> VerificationKey | None:
        if self._held is None or not self.is_usable:
            return None
        return self._held.key_set.keys.get(key_id)

    def _refusal(self) -> AttestationError:
        if self._held is None:
            return KeySetUnavailableError(Reason.KEYS_MISSING, f"no keys of {self._issuer} yet")
        if not self.is_usable:
            return KeySetUnavailableError(Reason.KEYS_STALE, f"keys of {self._issuer} are stale")
        return AttestationError(
            Reason.UNKNOWN_KEY, f"{self._issuer} has no key of that kid", claim="kid"
        )

    def _start(self) -> asyncio.Task[None] | None:
        if self._flight is None and not self._is_cooling():
            self._attempted_ms = self._clock.monotonic_ms()
            self._flight = asyncio.create_task(self._look(), name=f"keys of {self._issuer}")
        return self._flight

    def _is_cooling(self) -> bool:
        if self._attempted_ms is None:
            return False
        return self._clock.monotonic_ms() - self._attempted_ms < self._timing.cooldown_ms

    async def _look(self) -> None:
        try:
            self._take(await self._source.fetch())
        except (KeySourceError, UnusableKeySetError) as error:
            self._observer.keys_unreachable(self._issuer, str(error))
        finally:
            self._flight = None

    def _take(self, document: bytes) -> None:
        digest = hashlib.sha256(document).digest()
        if self._held is not None and self._held.digest == digest:
            self._hold(self._held.key_set, digest)
            return
        key_set = self._read(document)
        self._hold(key_set, digest)
        self.generation += 1
        self._observer.keys_changed(self._issuer, tuple(key_set.keys), key_set.skipped)

    def _period_ms(self, held: _Held) -> int:
        """Return how long a set serves: its issuer may ask for less than is declared, not more."""
        hint_ms = held.key_set.refresh_ms or self._timing.refresh_ms
        return min(self._timing.refresh_ms, max(hint_ms, _PERIODS * self._timing.cooldown_ms))

    def _hold(self, key_set: KeySet, digest: bytes) -> None:
        self._held = _Held(key_set, digest, self._clock.monotonic_ms(), self._clock.now_ms())

    def _age_ms(self, held: _Held) -> int:
        # The later of both clocks: the monotonic one stands still while a machine sleeps, the wall
        # clock can be set back.
        by_wall = self._clock.now_ms() - held.wall_ms
        return max(self._clock.monotonic_ms() - held.monotonic_ms, by_wall)
