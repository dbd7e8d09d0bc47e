"""Verifies access tokens of the broker, in the order of RFC 9068 §4.

* Cheap checks come first and the signature before any claim but ``iss`` and ``aud`` is believed.
* One verification costs no network call: keys and the deny set are already here.
* Whatever is unclear refuses (I5); each refusal is a :class:`VerificationError`, never another
  exception, whatever the bytes.
"""

from collections.abc import Collection
from typing import Final

from broker.client.bearer import Presented, authorization_of
from broker.client.conditions import Conditions
from broker.client.errors import TokenExpiredError, TokenUntrustedError
from broker.client.jose import UnverifiedJws, split
from broker.client.keys import KeySource
from broker.client.liveness import Liveness
from broker.client.possession import Possession
from broker.client.token import VerifiedToken, read_claims
from broker.clock import Clock
from broker.secret import Secret

MAX_LEEWAY_MS: Final = 5_000
"""Beyond it the broker itself stops minting (DESIGN §4, Clock); more would prolong every token."""

MAX_SKEW_MS: Final = 30_000
"""How far in the future a token may seem issued. It is no leeway: it prolongs nothing."""


class Verifier:
    """Turns an access token into a :class:`VerifiedToken`, or says why not.

    Safe to share by all requests of a process.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        keys: KeySource,
        liveness: Liveness,
        clock: Clock,
        leeway_ms: int = 0,
        possession: Possession | None = None,
    ) -> None:
        """Fix what this server trusts.

        Args:
            issuer: the broker's ``iss``, compared byte for byte.
            audience: this resource server, as registered with the broker.
            keys: the broker's public keys.
            liveness: how this server learns of revocations, as registered with the broker.
            clock: this machine's clocks.
            leeway_ms: by how much this machine's clock may be ahead of the broker's.
            possession: checks tokens that are bound to a key. By default only certificates can be
                checked, and a token that is bound to a DPoP key is refused.

        Raises:
            ValueError: a name is empty, or the leeway is not within 0 and 5000 ms.
        """
        if not issuer or not audience:
            raise ValueError("issuer and audience must be given")
        if not 0 <= leeway_ms <= MAX_LEEWAY_MS:
            raise ValueError(f"leeway_ms must be from 0 to {MAX_LEEWAY_MS}")
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._liveness = liveness
        self._clock = clock
        self._leeway_ms = leeway_ms
        self._possession = possession or Possession(clock)

    async def verify(
        self,
        token: str,
        *,
        scopes: Collection[str] = (),
        capability: str | None = None,
        tenant: str | None = None,
        task: str | None = None,
        presented: Presented | None = None,
    ) -> VerifiedToken:
        """Check a token and what it must reach.

        Args:
            token: the text that the client sent.
            scopes: all of these must have been granted.
            capability: when given, the token must have been granted for it.
            tenant: when given, the token must be this tenant's.
            task: when given, the token must belong to this very task.
            presented: the request that shows it: without, a token that is bound to a key is
                refused.

        Raises:
            VerificationError: the token is refused; the subclass says why.
        """
        if isinstance(scopes, str):
            raise TypeError("scopes is a collection of words, not one text")
        conditions = Conditions(frozenset(scopes), capability, tenant, task)
        verified = await self._signed(split(token))
        self._ensure_current(verified)
        await self._possession.ensure_held(verified, token, presented)
        await self._liveness.ensure_alive(verified, Secret(token))
        conditions.ensure_met_by(verified)
        return verified

    async def admit(self, presented: Presented) -> VerifiedToken:
        """Check the token that a request shows, under whichever scheme: for guards.

        Raises:
            RefusalError: it shows none, or one that is refused.
        """
        return await self.verify(authorization_of(presented).token, presented=presented)

    async def ensure_still_good(self, verified: VerifiedToken, token: Secret) -> None:
        """Judge a token again that was verified before: its age and whether it is still alive.

        For what outlives one request, such as a websocket.

        Raises:
            VerificationError: it is no longer good.
        """
        self._ensure_current(verified)
        await self._liveness.ensure_alive(verified, token)

    async def _signed(self, unverified: UnverifiedJws) -> VerifiedToken:
        if unverified.claims.get("iss") != self._issuer:
            raise TokenUntrustedError("another issuer")
        if unverified.claims.get("aud") != self._audience:
            raise TokenUntrustedError("another audience")
        key = await self._keys.find(unverified.header.kid)
        if key is None:
            raise TokenUntrustedError("unknown key")
        if unverified.header.alg != key.alg:
            raise TokenUntrustedError("another algorithm than the key's")
        if not key.verifies(unverified.signing_input, unverified.signature):
            raise TokenUntrustedError("the signature is not the key's")
        return read_claims(unverified.claims, key.kid)

    def _ensure_current(self, verified: VerifiedToken) -> None:
        now_ms = self._clock.now_ms()
        if now_ms >= verified.expires_at_ms + self._leeway_ms:
            raise TokenExpiredError
        if verified.issued_at_ms > now_ms + MAX_SKEW_MS:
            raise TokenUntrustedError("issued in the future: check this machine's clock")
