"""Tokens by which the broker says who it is: to log in at targets that trust its signing keys.

They are OpenID Connect's kind of token (Core §2), found by discovery at the issuer, and no access
tokens: their type is ``JWT``, they name no task, and no verifier of ours takes them.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from backends.contract import NO_CLAIMS
from backends.errors import BackendError, Trouble
from broker.clock import Clock
from broker.errors import UnavailableError
from broker.minting import KeyringSource

MAX_LIFETIME_S: Final = 3_600

_OURS: Final = frozenset({"iss", "sub", "aud", "iat", "nbf", "exp", "jti"})


class EpochSource(Protocol):
    """Who has read the ledger."""

    @property
    def epoch(self) -> str:
        """The ledger's epoch."""
        ...


def epoch_of(source: EpochSource) -> str:
    """Return the ledger's epoch.

    Raises:
        BackendError: nobody has read it yet.
    """
    try:
        return source.epoch
    except UnavailableError as error:
        raise BackendError(Trouble.UNKNOWN, str(error)) from error


class LoginTokens:
    """Signs them with the active key, in any thread."""

    def __init__(
        self, issuer: str, source: KeyringSource, *, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self._issuer = issuer
        self._source = source
        self._clock = clock
        self._new_id = new_id

    def sign(
        self, audience: str, subject: str, lifetime_s: int, claims: Mapping[str, object] = NO_CLAIMS
    ) -> str:
        """Sign one for a target, to live for so many seconds by this machine's clock.

        Raises:
            BackendError: no key is active here: this broker can only revoke.
            ValueError: it would be none that we give.
        """
        if not audience or not subject or not 1 <= lifetime_s <= MAX_LIFETIME_S:
            raise ValueError("a login token has an audience, a subject, and an hour at most")
        if reserved := _OURS & claims.keys():
            raise ValueError(f"claims of the broker's own: {', '.join(sorted(reserved))}")
        try:
            key = self._source.keyring.active()
        except UnavailableError as error:
            raise BackendError(Trouble.UNKNOWN, f"cannot say who we are: {error}") from error
        now_s = self._clock.now_ms() // 1000
        stated = {
            "iss": self._issuer,
            "sub": subject,
            "aud": audience,
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + lifetime_s,
            "jti": self._new_id(),
        }
        return key.sign_login({**stated, **claims}).reveal()
