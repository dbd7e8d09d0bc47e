"""A credential that is always the current one: renewed ahead of its expiry, shared by all.

* Renewal begins between 60 and 80 % of a token's life, drawn anew each time, so that a fleet which
  was started at once does not renew at once.
* However many ask, one renewal is under way; it carries one idempotency key until it has worked.
* A renewal that is refused leaves the token that is there until it expires. Only when the broker
  says that the credential or its task has ended, the token is dead at once.
* Age is counted from before the request was sent, by whichever of this machine's clocks says more.
* At a target, a renewal prolongs it in its place; the words that it brings are the current ones,
  and without any those that were there go on. Where that cannot be, there is another credential.
* One that has ended although its task lives is handed out no more: either another is obtained at
  once (:meth:`HeldCredential.supersede`), or none ever (:meth:`HeldCredential.withdraw`).
* Nothing is renewed after :meth:`HeldCredential.stop`, which the end of the task calls.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from broker.client import route
from broker.client.api_errors import (
    ApiError,
    CredentialEndedError,
    QuotaError,
    TaskEndedError,
    TaskFrozenError,
    UnauthenticatedError,
)
from broker.client.backoff import SYSTEM_RANDOM, Backoff
from broker.client.certificate_errors import CertificateGoneError
from broker.client.errors import (
    ClientError,
    ClosedError,
    CredentialExpiredError,
    KeyNeededError,
    NoTokenError,
)
from broker.client.problem import Problem
from broker.client.renewing import with_words
from broker.client.results import IssuedCredential
from broker.client.tls import Tls
from broker.clock import Clock
from broker.proof.dpop_key import DpopKey
from broker.secret import Secret

EARLIEST: Final = 0.6
LATEST: Final = 0.8
"""The parts of a token's life between which its renewal begins; the rest is for trying again."""

_YOUNG_MS: Final = 5_000
"""What refuses a token that is younger would refuse the next one as well."""

_LONGEST_SLEEP_SECONDS: Final = 60.0
"""A machine may sleep meanwhile: the clocks are looked at again so often."""


class RenewCall(Protocol):
    """Asks for a younger token of one credential."""

    def __call__(self, *, idempotency_key: str) -> Awaitable[IssuedCredential]:
        """Return the same credential with a new token."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """The instant before a request was sent, by both clocks."""

    monotonic_ms: int
    wall_ms: int

    @classmethod
    def now(cls, clock: Clock) -> "Asked":
        """Read both clocks."""
        return cls(clock.monotonic_ms(), clock.now_ms())

    def age_ms(self, clock: Clock) -> int:
        """Return how long ago it was, by the clock that says more."""
        return max(clock.monotonic_ms() - self.monotonic_ms, clock.now_ms() - self.wall_ms)


class HeldCredential:
    """The current token of one credential. :meth:`TaskScope.credential` makes one."""

    def __init__(  # noqa: PLR0913  one keyword per part of the machine that a test replaces
        self,
        first: IssuedCredential,
        asked: Asked,
        renew: RenewCall,
        *,
        clock: Clock,
        random: Callable[[], float] = SYSTEM_RANDOM,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        backoff: Backoff | None = None,
        key: DpopKey | None = None,
        tls: Tls | None = None,
    ) -> None:
        self._renew = renew
        self._tls = tls
        self._dpop_key = key
        self._clock = clock
        self._random = random
        self._sleep = sleep
        self._backoff = backoff or Backoff(first_seconds=0.5, cap_seconds=10)
        self._failure: ClientError | None = None
        self._flight: asyncio.Task[None] | None = None
        self._next_try_ms = 0
        self._is_stopped = False
        self._ended = ""
        self.refusal: ApiError | None = None
        """Why there will be no further renewal; None while there may be one."""
        self._install(first, asked)

    @property
    def current(self) -> IssuedCredential:
        """The newest answer of the broker, whatever has become of it since."""
        return self._current

    @property
    def failure(self) -> ClientError | None:
        """Why the newest try to renew has failed; None when it has not."""
        return self._failure

    @property
    def is_renewable(self) -> bool:
        """Tell whether a younger token may still be had; or at a target, another credential."""
        if self.refusal is not None or self._is_stopped:
            return False
        if self._current.target:
            return True
        at_maximum = self._current.expires_at >= self._current.max_expires_at
        return self._current.renewable and not at_maximum

    def seconds_left(self) -> float:
        """Return how long the current token lives; nothing or less when it has expired."""
        return self._current.expires_in - self._asked.age_ms(self._clock) / 1000

    async def token(self) -> Secret:
        """Return the current token; waits only when it has expired and is being renewed.

        Raises:
            NoTokenError: it lives at a target: use :meth:`secret`.
            CredentialExpiredError: it has expired, and there will be no other.
            ApiError: the broker says that it is dead, or refused to renew what has expired.
            BrokerUnreachableError: it has expired, and the broker does not answer.
            ClosedError: its task has ended.
        """
        if self._current.target:
            raise NoTokenError("this credential is no token: it lives at a target")
        return (await self._live()).access_token

    async def secret(self) -> dict[str, Secret]:
        """Return the current words of a credential at a target, as :meth:`token` does a token.

        Ask anew whenever you connect: sessions that it has opened may end when another takes its
        place. Empty for a token.
        """
        return dict((await self._live()).secret)

    async def _live(self) -> IssuedCredential:
        self._ensure_usable()
        if self._is_over():
            await self._renewed()
            self._ensure_usable()
            if self._is_over():
                raise self._failure or self.refusal or CredentialExpiredError("it has expired")
        elif self._is_due():
            _ = self._start()  # nobody waits for it: what is there still lives
        return self._current

    async def headers(self, method: str, url: str) -> dict[str, str]:
        """Return the headers of one request: the current token, and a proof if it is bound.

        Ask anew for each request: a proof is for one request and good once (RFC 9449 §4.2).

        Args:
            method: the request's.
            url: the request's; query and fragment do not count.

        Raises:
            KeyNeededError: the credential is bound to a key that is not here.

        :meth:`token` says what else it raises.
        """
        token = (await self.token()).reveal()
        if not self._current.is_bound_to_dpop:
            return {"Authorization": f"Bearer {token}"}
        if self._dpop_key is None:
            raise KeyNeededError("the credential is bound to a key that this client was not given")
        return self._dpop_key.headers(method, url, token=token)

    def heed(self, url: str, headers: Mapping[str, str]) -> bool:
        """Take the DPoP nonce out of a resource server's answer (RFC 9449 §9).

        Returns:
            Whether it is another than before: a request that was refused for want of it (401,
            ``use_dpop_nonce``) may be sent once more, with new :meth:`headers`.
        """
        return self._dpop_key is not None and self._dpop_key.heed(url, headers)

    async def refused(self, authorization: str) -> bool:
        """Renew because a server has refused this header; tell whether there is another token now.

        One renewal is under way for all. A token that is new is not renewed: so would the next be.
        """
        shown = authorization.partition(" ")[2]
        is_old = self._asked.age_ms(self._clock) >= _YOUNG_MS
        may_try = is_old and self._clock.monotonic_ms() >= self._next_try_ms
        if may_try and self._current.access_token.matches(shown):
            await self._renewed()
        return not (self._current.access_token.matches(shown) or self._is_over())

    async def tls_context(self) -> ssl.SSLContext:
        """Return what to connect with for one request: it shows the certificate bound to.

        Ask anew for each request: after the certificate has rotated, the next token is bound to the
        next one.

        Raises:
            CertificateGoneError: the credential is bound to no certificate, or to one that is not
                here.
            CertificateSourceError: the certificate cannot be had.
        """
        if self._tls is None:
            raise CertificateGoneError("this client was given no certificate")
        return await self._tls.context_of(self._current.certificate_thumbprint)

    async def authorization(self) -> dict[str, str]:
        """Return the header that carries the current token, for a credential that is not bound.

        Raises:
            KeyNeededError: it is bound to a key: use :meth:`headers`.

        :meth:`token` says what else it raises.
        """
        token = (await self.token()).reveal()
        if self._current.is_bound_to_dpop:
            raise KeyNeededError("the credential is bound to a key, and no header alone shows it")
        return {"Authorization": f"Bearer {token}"}

    async def keep_fresh(self) -> None:
        """Renew ahead of each expiry, until there is nothing more to renew."""
        while self.is_renewable and self.seconds_left() > 0:
            wait_seconds = min(self._seconds_until_due(), _LONGEST_SLEEP_SECONDS)
            await self._sleep(max(wait_seconds, 0.05))
            if self._is_due():
                await self._renewed()

    async def supersede(self, credential: str) -> None:
        """Hand out a credential no more that has ended, and wait until another one is there.

        Nothing happens if it is not the current one. While another cannot be had it is asked for
        again, with pauses, until this one would have expired; then whoever wants it asks.
        """
        self._ended = credential
        while self._has_ended() and self.is_renewable and self.seconds_left() > 0:
            await self._sleep(max(self._seconds_until_due(), 0.05))
            if self._is_due():
                await self._renewed()

    def withdraw(self, credential: str, ended_by: str) -> None:
        """Hand out a credential no more that was ended on purpose; no other one follows it.

        Nothing happens if it is not the current one.
        """
        if self._current.id == credential:
            detail = f"the credential was ended: {ended_by}"
            self.refusal = CredentialEndedError(Problem(410, "credential-ended", detail=detail))

    def halt(self) -> None:
        """Renew no more, and hand out no token any more: the task has ended."""
        self._is_stopped = True
        if self._flight is not None:
            self._flight.cancel()

    async def stop(self) -> None:
        """Halt, and wait until no renewal is under way."""
        self.halt()
        if self._flight is not None:
            await self._flight

    def _has_ended(self) -> bool:
        return self._current.id == self._ended

    def _is_over(self) -> bool:
        return self._has_ended() or self.seconds_left() <= 0

    def _ensure_usable(self) -> None:
        if self._is_stopped:
            raise ClosedError("the task of this credential has ended")
        if isinstance(self.refusal, (CredentialEndedError, TaskEndedError, TaskFrozenError)):
            raise self.refusal

    def _install(self, issued: IssuedCredential, asked: Asked) -> None:
        self._current, self._asked = issued, asked
        self._key = route.new_idempotency_key()
        share = EARLIEST + (LATEST - EARLIEST) * self._random()
        self._due_at_seconds_left = issued.expires_in * (1 - share)
        self._failure = None
        self._backoff.reset()

    def _is_due(self) -> bool:
        return self.is_renewable and self._seconds_until_due() <= 0

    def _seconds_until_due(self) -> float:
        until_due = self.seconds_left() - self._due_at_seconds_left
        if self._has_ended():
            until_due = 0
        until_try = (self._next_try_ms - self._clock.monotonic_ms()) / 1000
        return max(until_due, until_try)

    async def _renewed(self) -> None:
        if self.is_renewable:
            # One caller's cancellation must not take the renewal away from the others.
            await asyncio.shield(self._start())

    def _start(self) -> asyncio.Task[None]:
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._fly())
        return self._flight

    async def _fly(self) -> None:
        asked = Asked.now(self._clock)
        # Only halt() cancels it; whoever waits for it is not cancelled, and looks at what there is.
        with contextlib.suppress(asyncio.CancelledError):
            try:
                younger = await self._renew(idempotency_key=self._key)
                self._install(with_words(self._current, younger), asked)
            except ClientError as failure:
                self._note(failure)

    def _note(self, failure: ClientError) -> None:
        """A refusal is for good; what may pass by itself is tried again after a pause."""
        self._failure = failure
        is_passing = isinstance(failure, (UnauthenticatedError, QuotaError))
        if isinstance(failure, ApiError) and not (failure.is_temporary or is_passing):
            self.refusal = failure
        pause_ms = int(self._backoff.next_seconds() * 1000)
        self._next_try_ms = self._clock.monotonic_ms() + pause_ms
