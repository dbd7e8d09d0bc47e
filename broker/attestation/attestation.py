"""The one entry: evidence in, ``Attested`` out, or an error that says why not."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from broker.attestation.attested import Attested
from broker.attestation.compact import UnverifiedToken, check_size, parse_compact
from broker.attestation.issuer_keys import IssuerKeys
from broker.attestation.logout import LoggedOut
from broker.attestation.proof_cache import ProofCache
from broker.attestation.reasons import Reason
from broker.attestation.spiffe.spiffe_id import SpiffeIdError, parse_spiffe_id
from broker.attestation.spiffe.trust_domain import TrustDomain
from broker.attestation.trusted_issuer import Proof, TrustedIssuer
from broker.errors import AttestationError


class Verifier(Protocol):
    """Verifies the tokens of one issuer, or of one trust domain."""

    @property
    def name(self) -> str:
        """Its declared name."""
        ...

    @property
    def issuer(self) -> str:
        """Whose tokens: what stands in ``Attested.issuer``."""
        ...

    @property
    def keys(self) -> IssuerKeys:
        """By which keys."""
        ...

    async def verify(self, token: UnverifiedToken) -> Proof:
        """Verify a token, or raise :class:`~broker.errors.AttestationError`."""
        ...

    def recheck(self, proof: Proof) -> bool:
        """Tell whether a proof stands without a new signature check."""
        ...


class Attestation:
    """Checks workload tokens of all trusted issuers.

    Call :meth:`start` once, :meth:`tick` every second and :meth:`close` at the end.
    """

    def __init__(self, issuers: Iterable[Verifier], proofs: ProofCache) -> None:
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

    async def logout(self, token: str) -> LoggedOut:
        """Verify a logout token of an issuer.

        Raises:
            KeySetUnavailableError: its issuer's keys cannot be had, so nothing can be verified.
            AttestationError: it is not accepted.
        """
        unverified = parse_compact(token)
        issuer = self._choose(unverified)
        if not isinstance(issuer, TrustedIssuer):
            raise AttestationError(Reason.UNTRUSTED_ISSUER, "no issuer of people", claim="iss")
        return await issuer.verify_logout(unverified)

    def trust_domains(self) -> tuple[TrustDomain, ...]:
        """Return the verifiers of SPIFFE trust domains among them."""
        return tuple(each for each in self._issuers.values() if isinstance(each, TrustDomain))

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

    def _choose(self, token: UnverifiedToken) -> Verifier:
        """Find the issuer that the token claims: to choose its verifier, for nothing else."""
        claimed = token.unverified_claims.get("iss")
        if not isinstance(claimed, str) or claimed not in self._issuers:
            claimed = _claimed_domain(token.unverified_claims.get("sub"))
        if claimed not in self._issuers:
            raise AttestationError(
                Reason.UNTRUSTED_ISSUER,
                "neither iss nor the trust domain of sub is declared",
                claim="iss",
            )
        return self._issuers[claimed]


def _claimed_domain(unverified_subject: object) -> str:
    """Return the ID of the trust domain: a JWT-SVID need not name an issuer (JWT-SVID §3)."""
    try:
        subject = unverified_subject if isinstance(unverified_subject, str) else ""
        return f"spiffe://{parse_spiffe_id(subject).trust_domain}"
    except SpiffeIdError:
        return ""
