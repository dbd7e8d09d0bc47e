"""Who the bearer of a verified SPIFFE ID is, by the rules of its trust domain."""

from collections.abc import Iterable, Mapping
from typing import Final

from broker import text
from broker.attestation.attested import Attested, Scalar
from broker.attestation.claim_path import find
from broker.attestation.dates import Validity
from broker.attestation.reasons import Reason
from broker.attestation.spiffe.path_rule import INSTANCE, NAME, TENANT, PathRule
from broker.attestation.spiffe.spiffe_id import SpiffeId
from broker.errors import AttestationError, InvalidRequestError

SHARED: Final = "shared"
"""The instance of all who bear one ID, where the trust domain tells them not apart."""

_MAX_SUBJECT: Final = 512
"""Characters of an ID that records and policy can hold; ours to bound, SPIFFE allows more."""


def bearer_of(
    spiffe_id: SpiffeId,
    rules: Iterable[PathRule],
    *,
    svid: str,
    validity: Validity,
    evidence: str,
    signed_claims: Mapping[str, object],
) -> Attested:
    """Say who bears an ID that has been verified.

    ``svid`` says by which kind of document, ``evidence`` names the document itself, ``validity``
    is its own.

    Raises:
        AttestationError: no rule fits, or what it takes is no name.
    """
    subject = str(spiffe_id)
    if len(subject) > _MAX_SUBJECT:
        raise AttestationError(Reason.CLAIM_MALFORMED, f"longer than {_MAX_SUBJECT} characters")
    for rule in rules:
        taken = rule.match(spiffe_id.segments)
        if taken is not None:
            tenant = taken.get(TENANT, rule.tenant)
            return Attested(
                kind=rule.kind,
                name=_name(taken.get(NAME, rule.name), "name"),
                tenant=_name(tenant, "tenant") if tenant else "",
                instance=_instance(rule, taken, signed_claims),
                issuer=f"spiffe://{spiffe_id.trust_domain}",
                subject=subject,
                expires_at_ms=validity.expires_at_ms,
                claims={"sub": subject, "svid": svid},
                evidence=evidence,
                begins_at_ms=validity.not_before_ms,
            )
    raise AttestationError(Reason.CLAIM_MISMATCH, "no rule fits the path of the SPIFFE ID")


def _instance(rule: PathRule, taken: Mapping[str, str], claims: Mapping[str, object]) -> str:
    if INSTANCE in taken:
        return _name(taken[INSTANCE], "instance")
    if not rule.instance_claim:
        return SHARED
    value = find(claims, rule.instance_claim)
    if not isinstance(value, str):
        # An X.509-SVID has no claims: there such a rule lets nobody in.
        raise AttestationError(Reason.CLAIM_MISSING, f"{rule.instance_claim} is missing")
    return _name(value, rule.instance_claim)


def _name(word: Scalar, field: str) -> str:
    try:
        return text.parse_name(str(word), field=field)
    except InvalidRequestError as error:
        raise AttestationError(Reason.CLAIM_MALFORMED, f"{field} {error}") from error
