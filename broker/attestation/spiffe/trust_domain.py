"""One trust domain: verifies the JWT-SVIDs whose ``sub`` is one of its IDs.

- The bundle that verifies is that of the trust domain which the ``sub`` names, so a key of one
  domain never vouches for an ID of another (SP-1); nothing derives from ``iss``, which a JWT-SVID
  need not have.
- A header holds ``alg``, ``kid``, ``typ`` and nothing else (JWT-SVID §2).
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from broker.attestation.attested import Attested
from broker.attestation.claims import SignedClaims, check_audience, read_binding
from broker.attestation.compact import UnverifiedToken
from broker.attestation.dates import DateRules, Validity, read_svid_validity
from broker.attestation.declared_claims import ClaimsDeclaration
from broker.attestation.evidence import name_of_token
from broker.attestation.header import ABSENT, check_header
from broker.attestation.issuer_keys import IssuerKeys
from broker.attestation.reasons import Reason
from broker.attestation.spiffe.bearer import bearer_of
from broker.attestation.spiffe.declared import TrustDomainDeclaration
from broker.attestation.spiffe.spiffe_id import SpiffeId, SpiffeIdError, parse_spiffe_id
from broker.attestation.trusted_issuer import Proof
from broker.clock import Clock
from broker.errors import AttestationError

JWT: Final = "jwt-svid"
X509: Final = "x509-svid"

_HEADER: Final = frozenset({"alg", "kid", "typ"})
_TYPES: Final = frozenset({ABSENT, "jwt", "jose"})
_NOTHING_IGNORED: Final = ClaimsDeclaration()


class TrustDomain:
    """The verifier of one trust domain's JWT-SVIDs."""

    def __init__(
        self, declaration: TrustDomainDeclaration, keys: IssuerKeys, *, clock: Clock
    ) -> None:
        self.name = declaration.name
        self.issuer = declaration.issuer
        self.trust_domain = declaration.trust_domain
        self.keys = keys
        self._declaration = declaration
        self._rules = DateRules(declaration.max_lifetime_seconds, declaration.leeway_seconds)
        self._clock = clock

    async def verify(self, token: UnverifiedToken) -> Proof:
        """Verify a token whose unverified ``sub`` is an ID of this trust domain.

        Raises:
            AttestationError: it is no JWT-SVID of this trust domain, for us, now.
        """
        claims, generation = await self._check_signature(token)
        spiffe_id = self._own_id(claims)
        check_audience(claims, self._declaration.audience)
        bound_to = read_binding(claims, _NOTHING_IGNORED)
        now_ms = self._clock.now_ms()
        validity = read_svid_validity(claims, self._rules, now_ms=now_ms)
        validity.check(now_ms)
        attested = bearer_of(
            spiffe_id,
            self._declaration.rules,
            svid=JWT,
            validity=validity,
            evidence=name_of_token(self.issuer, token.unverified_header, claims),
            signed_claims=claims,
        )
        return Proof(replace(attested, bound_to=bound_to), validity, generation)

    def recheck(self, proof: Proof) -> bool:
        """Tell whether a proof of this trust domain stands without a new signature check.

        Raises:
            AttestationError: ``expired`` or ``not-yet-valid``: its dates are over.
        """
        proof.validity.check(self._clock.now_ms())
        return self.keys.is_usable and self.keys.generation == proof.generation

    def bearer(self, spiffe_id: SpiffeId, *, validity: Validity, evidence: str) -> Attested:
        """Say who bears an ID that an X.509-SVID of this trust domain has proven.

        Raises:
            AttestationError: no rule fits, or it wants a claim, which a certificate has not.
        """
        return bearer_of(
            spiffe_id,
            self._declaration.rules,
            svid=X509,
            validity=validity,
            evidence=evidence,
            signed_claims={},
        )

    async def _check_signature(self, token: UnverifiedToken) -> tuple[SignedClaims, int]:
        if not token.unverified_header.keys() <= _HEADER:
            raise AttestationError(Reason.FORBIDDEN_HEADER, "more than alg, kid and typ")
        header = check_header(
            token.unverified_header, algorithms=self._declaration.algorithms, types=_TYPES
        )
        claims = await self.keys.verified(header, token)
        # No await since the key was found: this is the generation it belongs to.
        return claims, self.keys.generation

    def _own_id(self, claims: SignedClaims) -> SpiffeId:
        spiffe_id = read_subject(claims)
        if spiffe_id.trust_domain != self._declaration.trust_domain:
            raise AttestationError(Reason.UNTRUSTED_ISSUER, "sub is of another trust domain")
        if not spiffe_id.segments:
            raise AttestationError(Reason.CLAIM_MALFORMED, "sub is the trust domain itself")
        return spiffe_id


def read_subject(claims: Mapping[str, object]) -> SpiffeId:
    """Read ``sub`` as a SPIFFE ID.

    Raises:
        AttestationError: it is none.
    """
    subject = claims.get("sub")
    try:
        return parse_spiffe_id(subject if isinstance(subject, str) else "")
    except SpiffeIdError as error:
        raise AttestationError(Reason.CLAIM_MALFORMED, f"sub is no SPIFFE ID: {error}") from error
