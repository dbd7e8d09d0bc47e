"""Trying a declaration on a real token: every check in order, and which one said no.

The token goes through the very verifier that a broker uses; what is added here is only the telling.
It is for operators, on their own machine: values of claims are shown, the signature and the token
never.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.attestation.attested import Attested
from broker.attestation.claim_path import find
from broker.attestation.compact import UnverifiedToken, parse_compact
from broker.attestation.declaration import IssuerDeclaration
from broker.attestation.keyset import SkippedKey
from broker.attestation.reasons import Reason
from broker.attestation.trusted_issuer import TrustedIssuer
from broker.errors import AttestationError

_HEADER: Final = frozenset({"alg", "typ", "kid"})


class Outcome(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not-reached"


STEPS: Final[Sequence[tuple[str, str, frozenset[Reason]]]] = (
    ("form", "a compact JWS of strict JSON", frozenset({Reason.TOO_LARGE, Reason.MALFORMED})),
    ("no-keys-inside", "no header that brings keys", frozenset({Reason.FORBIDDEN_HEADER})),
    ("issuer", "iss is the declared issuer", frozenset({Reason.UNTRUSTED_ISSUER})),
    ("algorithm", "alg is declared, and the key's own", frozenset({Reason.ALGORITHM})),
    ("type", "typ is declared", frozenset({Reason.TYPE})),
    ("key-id", "kid is well-formed", frozenset({Reason.KEY_ID})),
    ("keys", "the issuer's keys can be had", frozenset({Reason.KEYS_MISSING, Reason.KEYS_STALE})),
    ("key", "the issuer has a key of that kid", frozenset({Reason.UNKNOWN_KEY})),
    ("signature", "the signature holds", frozenset({Reason.SIGNATURE})),
    ("audience", "aud is the declared audience alone", frozenset({Reason.AUDIENCE})),
    ("binding", "not bound to a key that is not checked", frozenset({Reason.BOUND})),
    ("dates", "iat and exp are dates", frozenset({Reason.NO_EXPIRY, Reason.DATES})),
    ("lifetime", "made to live no longer than declared", frozenset({Reason.LIFETIME})),
    ("now", "valid now", frozenset({Reason.EXPIRED, Reason.NOT_YET_VALID})),
    (
        "claims",
        "every declared claim is as declared",
        frozenset(
            {
                Reason.NO_INSTANCE,
                Reason.CLAIM_MISSING,
                Reason.CLAIM_MISMATCH,
                Reason.CLAIM_MALFORMED,
            }
        ),
    ),
    (
        "review",
        "the issuer itself confirms it, if it is asked",
        frozenset({Reason.REVIEW_REFUSED, Reason.REVIEW_UNAVAILABLE}),
    ),
)
"""Name, promise and the words of refusal of each check, in the order in which they are made."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check and how it ended."""

    name: str
    promise: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a token was refused: the word, the claim, what was expected and what was there."""

    reason: str
    message: str
    claim: str = ""
    expected: object = None
    seen: object = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a token."""

    checks: tuple[Check, ...]
    failure: Failure | None = None
    attested: Attested | None = None


class Notebook:
    """An observer that writes down what happened to the keys."""

    def __init__(self) -> None:
        self.key_ids: tuple[str, ...] = ()
        self.skipped: tuple[SkippedKey, ...] = ()
        self.trouble = ""
        self.unknown_claims: list[str] = []

    def unknown_claim(self, issuer: str, claim: str) -> None:
        """Write down a claim that the declaration does not mention."""
        del issuer
        self.unknown_claims.append(claim)

    def keys_changed(
        self, issuer: str, key_ids: Sequence[str], skipped: Sequence[SkippedKey]
    ) -> None:
        """Write down which keys there are."""
        del issuer
        self.key_ids, self.skipped, self.trouble = tuple(key_ids), tuple(skipped), ""

    def keys_unreachable(self, issuer: str, why: str) -> None:
        """Write down why there are none."""
        del issuer
        self.trouble = why


async def try_token(issuer: TrustedIssuer, declaration: IssuerDeclaration, token: str) -> Verdict:
    """Put a token before the verifier, and tell how far it came."""
    unverified: UnverifiedToken | None = None
    try:
        unverified = parse_compact(token)
        _check_issuer(unverified, declaration)
        proof = await issuer.verify(unverified)
    except AttestationError as error:
        return Verdict(_walk(error.reason), _failure(error, declaration, unverified))
    return Verdict(_walk(""), attested=proof.attested)


def _check_issuer(unverified: UnverifiedToken, declaration: IssuerDeclaration) -> None:
    """Refuse what a broker would bring before another issuer's verifier, or none's."""
    if unverified.unverified_claims.get("iss") != declaration.issuer:
        raise AttestationError(
            Reason.UNTRUSTED_ISSUER, "iss is not the declared issuer", claim="iss"
        )


def _walk(reason: str) -> tuple[Check, ...]:
    checks, outcome = [], Outcome.PASSED
    for name, promise, reasons in STEPS:
        if outcome is Outcome.FAILED:
            outcome = Outcome.NOT_REACHED
        if reason in reasons:
            outcome = Outcome.FAILED
        checks.append(Check(name, promise, outcome))
    return tuple(checks)


def _failure(
    error: AttestationError, declaration: IssuerDeclaration, token: UnverifiedToken | None
) -> Failure:
    seen = None
    if token is not None and error.claim:
        is_header = error.claim in _HEADER
        seen = find(token.unverified_header if is_header else token.unverified_claims, error.claim)
    return Failure(
        reason=error.reason,
        message=str(error),
        claim=error.claim,
        expected=_expected(error, declaration),
        seen=seen,
    )


def _expected(error: AttestationError, declaration: IssuerDeclaration) -> object:
    """Say what the declaration would have taken; ``None`` where there is no more to say."""
    fixed: Mapping[str, object] = {
        "iss": declaration.issuer,
        "aud": declaration.audience,
        "alg": list(declaration.algorithms),
        "typ": sorted(declaration.types),
        "exp": f"at most {declaration.max_lifetime_seconds} s after iat, and not yet over",
        "iat": f"not more than {declaration.leeway_seconds} s ahead",
        **declaration.claims.verified,
    }
    if error.reason in {Reason.NO_INSTANCE, Reason.CLAIM_MISSING}:
        return "to be there"
    return fixed.get(error.claim) or _mapped(error.claim, declaration)


def _mapped(claim: str, declaration: IssuerDeclaration) -> object:
    name = declaration.mapping.name
    if claim != name.claim:
        return None
    return list(name.values) or (f"{name.prefix}… and a registered name")
