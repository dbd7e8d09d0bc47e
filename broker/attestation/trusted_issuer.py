"""One configured issuer: verifies the tokens that claim to be its own.

- Its keys verify its tokens and nobody else's: a key is looked up here by the exact ``iss`` that
  led here, then by ``kid`` (B11).
- A header's ``alg`` is compared thrice: with the declaration, with the key's own, with the key's
  type, which :mod:`~broker.attestation.jwk` has bound to it (B2).
- Nothing of the claims is read before the signature holds, except ``iss``, to choose this issuer.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from broker import text
from broker.attestation.attested import Attested
from broker.attestation.claims import SignedClaims, check_audience, read_binding, select
from broker.attestation.compact import UnverifiedToken
from broker.attestation.dates import DateRules, Validity, read_validity
from broker.attestation.declaration import IssuerDeclaration
from broker.attestation.evidence import name_of_token
from broker.attestation.header import check_header
from broker.attestation.identity import instance_of, kind_of, name_of, session_of, tenant_of
from broker.attestation.issuer_keys import IssuerKeys
from broker.attestation.logout import TYPE, LoggedOut, read_logout
from broker.attestation.observer import Observer
from broker.attestation.reasons import Reason
from broker.attestation.reviewer import Reviewer
from broker.clock import Clock
from broker.errors import AttestationError, InvalidRequestError

_MAX_SUBJECT: Final = 512
_MAX_CLAIM_NAME: Final = 128
_MAX_REPORTED: Final = 256
"""Claim names that one issuer's tokens can make us remember."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A verified token: what it shows, how long, and the generation of keys that verified it."""

    attested: Attested
    validity: Validity
    generation: int


class TrustedIssuer:
    """The verifier of one issuer's tokens."""

    def __init__(
        self,
        declaration: IssuerDeclaration,
        keys: IssuerKeys,
        *,
        clock: Clock,
        observer: Observer,
        reviewer: Reviewer | None = None,
    ) -> None:
        self.name = declaration.name
        self.issuer = declaration.issuer
        self.keys = keys
        self._declaration = declaration
        self._rules = DateRules(declaration.max_lifetime_seconds, declaration.leeway_seconds)
        self._known = declaration.claims.known
        self._types = declaration.types
        self._clock = clock
        self._observer = observer
        self._reviewer = reviewer
        self._reported: set[str] = set()

    async def verify(self, token: UnverifiedToken) -> Proof:
        """Verify a token whose unverified ``iss`` is this issuer's.

        Raises:
            KeySetUnavailableError: its keys, or a review that it needs, are not to be had.
            AttestationError: it is not this issuer's, or not what the declaration demands.
        """
        claims, generation = await self._check_signature(token, self._types)
        self._check_parties(claims)
        bound_to = read_binding(claims, self._declaration.claims)
        validity = read_validity(claims, self._rules)
        validity.check(self._clock.now_ms())
        evidence = name_of_token(self.issuer, token.unverified_header, claims)
        attested = replace(self._identify(claims, validity), evidence=evidence, bound_to=bound_to)
        if self._reviewer is not None:
            # Last: only tokens that are good in every other way are shown to anybody.
            await self._reviewer.review(token, claims)
        self._report_unknown(claims)
        return Proof(attested, validity, generation)

    async def verify_logout(self, token: UnverifiedToken) -> LoggedOut:
        """Verify a logout token, by the rules of evidence but for its type.

        Raises:
            KeySetUnavailableError: its keys are not to be had.
            AttestationError: it is not this issuer's, or is no logout token, or the issuer's
                evidence says of nobody in which session it was got.
        """
        claims, _ = await self._check_signature(token, frozenset({TYPE}))
        self._check_parties(claims)
        read_validity(claims, self._rules).check(self._clock.now_ms())
        evidence = name_of_token(self.issuer, token.unverified_header, claims)
        said = read_logout(claims, self.issuer, evidence)
        if self._declaration.mapping.session is None:
            said = replace(said, session="")
        if not said.subject and not said.session:
            raise AttestationError(
                Reason.CLAIM_MISMATCH, "its declaration maps no session", claim="sid"
            )
        return said

    def recheck(self, proof: Proof) -> bool:
        """Tell whether a proof of this issuer stands without a new signature check.

        Raises:
            AttestationError: ``expired`` or ``not-yet-valid``: its dates are over.
        """
        proof.validity.check(self._clock.now_ms())
        return self.keys.is_usable and self.keys.generation == proof.generation

    def _check_parties(self, claims: SignedClaims) -> None:
        if claims.get("iss") != self.issuer:
            raise AttestationError(Reason.UNTRUSTED_ISSUER, "iss is another issuer's", claim="iss")
        check_audience(claims, self._declaration.audience)

    async def _check_signature(
        self, token: UnverifiedToken, types: Collection[str]
    ) -> tuple[SignedClaims, int]:
        header = check_header(
            token.unverified_header, algorithms=self._declaration.algorithms, types=types
        )
        claims = await self.keys.verified(header, token)
        # No await since the key was found: this is the generation it belongs to.
        return claims, self.keys.generation

    def _identify(self, claims: SignedClaims, validity: Validity) -> Attested:
        mapping = self._declaration.mapping
        selected = select(claims, self._declaration.claims, mapping.instance_claims)
        return Attested(
            kind=kind_of(selected, mapping),
            name=name_of(selected, mapping),
            tenant=tenant_of(selected, mapping),
            instance=instance_of(selected, mapping),
            issuer=self.issuer,
            subject=_subject(claims),
            expires_at_ms=validity.expires_at_ms,
            claims=selected,
            begins_at_ms=validity.not_before_ms,
            session=session_of(selected, mapping),
        )

    def _report_unknown(self, claims: SignedClaims) -> None:
        for name in sorted(claims.keys() - self._known - self._reported):
            if len(self._reported) < _MAX_REPORTED:
                self._reported.add(name)
                self._observer.unknown_claim(self.name, _printable(name))


def _subject(claims: SignedClaims) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str):
        raise AttestationError(Reason.CLAIM_MISSING, "sub is missing", claim="sub")
    try:
        return text.parse_text(subject, field="sub", max_length=_MAX_SUBJECT)
    except InvalidRequestError as error:
        raise AttestationError(Reason.CLAIM_MALFORMED, f"sub {error}", claim="sub") from error


def _printable(name: str) -> str:
    try:
        return text.parse_text(name, field="claim", max_length=_MAX_CLAIM_NAME)
    except InvalidRequestError:
        return "(unprintable)"
