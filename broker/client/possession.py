"""Whether the request that shows a bound token holds its key (RFC 8705 §3, RFC 9449 §7).

- A bound token is never taken as a plain bearer token, whatever else the request shows.
- A token shown under ``DPoP`` that is not bound to a proof's key is refused too (§7.1).
- Without a configured URL of this server no proof can be checked, so none is believed.
"""

from typing import Final

from broker.client.bearer import Presented, authorization_of
from broker.client.errors import (
    CertificateUnprovenError,
    KeyUnprovenError,
    NonceMissingError,
    ProofRefusedError,
)
from broker.client.token import VerifiedToken
from broker.clock import Clock
from broker.proof.authorization import Scheme
from broker.proof.confirmation import (
    NOTHING_PROVEN,
    Binding,
    Confirmation,
    ProvenKeys,
    of_certificate,
)
from broker.proof.dpop import NonceError, ProofChecker, ProofError, Target
from broker.proof.holding import UnheldError, ensure_held, ensure_scheme
from broker.proof.nonces import DpopNonces
from broker.proof.replays import MemoryReplays, Replays
from broker.proof.target import same_target

_PATHLESS: Final = ("?", "#")


class Possession:
    """Checks bound tokens against their requests. One for all requests of a process."""

    def __init__(
        self,
        clock: Clock,
        *,
        base_url: str = "",
        replays: Replays | None = None,
        nonces: DpopNonces | None = None,
    ) -> None:
        """Fix what proofs are checked by.

        Args:
            clock: this machine's clocks.
            base_url: where clients reach this server, such as ``https://orders.example``; without
                it every token that is bound to a DPoP key is refused. Never from ``Host``.
            replays: which proofs were used. By default this process remembers; give a shared one
                where several processes serve one URL.
            nonces: when given, a proof needs one of them (RFC 9449 §9). Where several processes
                serve one URL, make them of one key.

        Raises:
            ValueError: the URL is none, or has a query or a fragment.
        """
        base = base_url.rstrip("/")
        if base and (any(mark in base for mark in _PATHLESS) or not same_target(base, base)):
            raise ValueError("base_url is this server's own URL: https://host, without a query")
        self._base = base
        self._checker = ProofChecker(clock, replays or MemoryReplays(clock), nonces)

    async def ensure_held(
        self, token: VerifiedToken, raw: str, presented: Presented | None
    ) -> None:
        """Return if the token is bound to no key, or the request proves it.

        ``presented`` is ``None`` where a token is judged without its request: then no bound one is
        good.

        Raises:
            KeyUnprovenError: nothing proves the key, or another one is proven.
            CertificateUnprovenError: the same of a client certificate.
            NonceMissingError: there is a proof, and it needs a nonce.
            ProofRefusedError: there is a proof, and it is refused.
        """
        scheme = None if presented is None else authorization_of(presented).scheme
        key = token.confirmation
        if key is None:
            if scheme is Scheme.DPOP:
                raise KeyUnprovenError
            return
        try:
            ensure_scheme(key, scheme)
            ensure_held(key, scheme, await self._proven(key, raw, presented))
        except UnheldError as error:
            raise _refusal(key, scheme, presented, str(error)) from None

    async def _proven(self, key: Confirmation, raw: str, presented: Presented | None) -> ProvenKeys:
        """Return what a request proves that shows a token under the scheme of its binding."""
        if presented is None:
            return NOTHING_PROVEN
        if key.binding is Binding.DPOP:
            return ProvenKeys(dpop=await self._checked(key, raw, presented))
        shown = presented.certificate
        return ProvenKeys(certificate=of_certificate(shown) if shown else None)

    async def _checked(self, key: Confirmation, raw: str, presented: Presented) -> Confirmation:
        if not self._base:
            raise KeyUnprovenError
        if len(presented.proofs) != 1:
            raise ProofRefusedError("not exactly one proof")
        target = Target(presented.method, self._base + presented.path)
        try:
            return await self._checker.check(presented.proofs[0], target, token=raw, wanted=key)
        except NonceError as error:
            raise NonceMissingError(error.nonce) from None
        except ProofError as error:
            raise ProofRefusedError(str(error)) from None


def _refusal(
    key: Confirmation, scheme: Scheme | None, presented: Presented | None, why: str
) -> KeyUnprovenError:
    """Say it so that the challenge asks for what would do."""
    if key.binding is Binding.DPOP or scheme is Scheme.DPOP:
        return KeyUnprovenError(why)
    if presented is None or not presented.certificate:
        return CertificateUnprovenError("this server was handed no client certificate")
    return CertificateUnprovenError("the token is bound to another client certificate")
