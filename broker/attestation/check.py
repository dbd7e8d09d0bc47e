"""Trying a declaration on a real token: every check in order, and which one said no.

The token goes through the very verifier that a broker uses; what is added here is only the telling.
It is for operators, on their own machine: values of claims are shown, the signature and the token
never.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from broker.attestation.attestation import Attestation
from broker.attestation.attested import Attested
from broker.attestation.claim_path import find
from broker.attestation.compact import parse_compact
from broker.attestation.declaration import IssuerDeclaration
from broker.attestation.keyset import SkippedKey
from broker.attestation.reasons import Reason
from broker.attestation.spiffe.declared import TrustDomainDeclaration
from broker.errors import AttestationError

Declaration: TypeAlias = IssuerDeclaration | TrustDomainDeclaration

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
    ("binding", "bound to no key, or to one that can be checked", frozenset({Reason.BOUND})),
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


async def try_token(
    attestation: Attestation, expected: Mapping[str, object], token: str
) -> Verdict:
    """Put a token before the verifier of one declaration, and tell how far it came.

    ``expected`` is what :func:`expectations` says of that declaration.
    """
    try:
        attested = await attestation.attest(token)
    except AttestationError as error:
        return Verdict(_walk(error.reason), _failure(error, expected, token))
    return Verdict(_walk(""), attested=attested)


def expectations(declared: Declaration) -> Mapping[str, object]:
    """Say, by member of a token, what a declaration takes."""
    whole: dict[str, object] = {
        "aud": declared.audience,
        "alg": list(declared.algorithms),
        "exp": f"at most {declared.max_lifetime_seconds} s after iat, and not yet over",
        "iat": f"not more than {declared.leeway_seconds} s ahead",
    }
    if isinstance(declared, TrustDomainDeclaration):
        return whole | {"iss": f"any or none, with a sub below {declared.issuer}/"}
    name = declared.mapping.name
    return {
        name.claim: list(name.values) or f"{name.prefix}… and a registered name",
        **whole,
        "iss": declared.issuer,
        "typ": sorted(declared.types),
        **declared.claims.verified,
    }


def _walk(reason: str) -> tuple[Check, ...]:
    checks, outcome = [], Outcome.PASSED
    for name, promise, reasons in STEPS:
        if outcome is Outcome.FAILED:
            outcome = Outcome.NOT_REACHED
        if reason in reasons:
            outcome = Outcome.FAILED
        checks.append(Check(name, promise, outcome))
    return tuple(checks)


def _failure(error: AttestationError, expected: Mapping[str, object], token: str) -> Failure:
    is_missing = error.reason in {Reason.NO_INSTANCE, Reason.CLAIM_MISSING}
    return Failure(
        reason=error.reason,
        message=str(error),
        claim=error.claim,
        expected="to be there" if is_missing else expected.get(error.claim),
        seen=_seen(token, error.claim) if error.claim else None,
    )


def _seen(token: str, claim: str) -> object:
    """Return what the token says there; only a token that could be read has named a claim."""
    unverified = parse_compact(token)
    is_header = claim in _HEADER
    return find(unverified.unverified_header if is_header else unverified.unverified_claims, claim)
