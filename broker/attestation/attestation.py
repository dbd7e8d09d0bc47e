"""The one entry: evidence in, ``Attested`` out, or an error that says why not."""

import asyncio
from collections.abc import Iterable

from broker.attestation.attested import Attested
from broker.attestation.compact import UnverifiedToken, check_size, parse_compact
from broker.attestation.proof_cache import ProofCache
from broker.attestation.reasons import Reason
from broker.attestation.trusted_issuer import TrustedIssuer
from broker.errors import AttestationError


class Attestation:
    """Checks workload tokens of all trusted issuers.

    Call :meth:`start` once, :meth:`tick` every second and :meth:`close` at the end.
    """

    def __init__(self, issuers: Iterable[TrustedIssuer], proofs: ProofCache) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._proofs = proofs

    async def attest(self, token: str) -> Attested:
        """Verify a workload token.

        Raises:
            KeySetUnavailableError: its issuer's keys cannot be had, so nothing can be verified.
            AttestationError: it is not accepted; ``reason`` is one of
                :class:`~broker.attestation.reasons.Reason`.
        """
        check_size(token)
        proof = self._proofs.recall(token)
        if proof is None or not self._issuers[proof.attested.issuer].recheck(proof):
            unverified = parse_compact(token)
            proof = await self._choose(unverified).verify(unverified)
            self._proofs.remember(token, proof)
        return proof.attested

    async def start(self) -> None:
        """Look for the keys of all issuers; one that does not answer holds up no other."""
        await asyncio.gather(*(issuer.keys.refresh() for issuer in self._issuers.values()))

    def tick(self) -> None:
        """Start every refresh that is due."""
        for issuer in self._issuers.values():
            issuer.keys.refresh_if_due()

    @property
    def issuer_count(self) -> int:
        """How many issuers are trusted."""
        return len(self._issuers)

    def without_keys(self) -> tuple[str, ...]:
        """Return the declared names of the issuers whose tokens cannot be verified now."""
        return tuple(issuer.name for issuer in self._issuers.values() if not issuer.keys.is_usable)

    async def close(self) -> None:
        """Give up all looks under way."""
        await asyncio.gather(*(issuer.keys.close() for issuer in self._issuers.values()))

    def _choose(self, token: UnverifiedToken) -> TrustedIssuer:
        """Find the issuer that the token claims: to choose its verifier, for nothing else."""
        unverified_issuer = token.unverified_claims.get("iss")
        if not isinstance(unverified_issuer, str) or unverified_issuer not in self._issuers:
            raise AttestationError(
                Reason.UNTRUSTED_ISSUER, "iss is no declared issuer", claim="iss"
            )
        return self._issuers[unverified_issuer]
