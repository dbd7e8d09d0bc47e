"""The claims of a token whose signature is verified, against what its issuer declares."""

from collections.abc import Collection, Mapping
from typing import NewType

from broker import text
from broker.attestation.attested import Scalar
from broker.attestation.claim_path import find
from broker.attestation.declared_claims import ClaimsDeclaration
from broker.attestation.reasons import Reason
from broker.errors import AttestationError, InvalidRequestError
from broker.proof.confirmation import Confirmation, ConfirmationError, read_claim

SignedClaims = NewType("SignedClaims", Mapping[str, object])
"""Claims that a trusted issuer's key has signed. Only the verifier of that issuer makes them."""

MAX_VALUE = 1024
"""Characters of one claim that is taken along into policy and records."""


def check_audience(claims: SignedClaims, audience: str) -> None:
    """Check that the token is for this audience alone: who else may hold it could replay it (B13).

    Raises:
        AttestationError: ``audience``.
    """
    if claims.get("aud") not in (audience, [audience]):
        raise AttestationError(Reason.AUDIENCE, f"aud is not {audience!r} alone", claim="aud")


def read_binding(claims: SignedClaims, declared: ClaimsDeclaration) -> Confirmation | None:
    """Return the key that the token is bound to (RFC 7800 ``cnf``), which its request must prove.

    A declaration that ignores ``cnf`` takes such tokens as mere bearer tokens (B21).

    Raises:
        AttestationError: ``bound``: to something whose possession cannot be checked here.
    """
    if "cnf" not in claims or "cnf" in declared.ignored:
        return None
    try:
        return read_claim(claims["cnf"])
    except ConfirmationError as error:
        raise AttestationError(Reason.BOUND, str(error), claim="cnf") from error


def select(
    claims: SignedClaims, declared: ClaimsDeclaration, instance: Collection[str] = ()
) -> dict[str, Scalar]:
    """Check the declared claims and return those that are strings, integers or booleans.

    ``instance`` are those that tell running copies apart.

    Raises:
        AttestationError: ``no-instance``, ``claim-missing``, ``claim-mismatch`` or
            ``claim-malformed``.
    """
    selected: dict[str, Scalar] = {}
    for path in declared.kept:
        value = find(claims, path)
        if value is None and declared.is_demanded(path):
            reason = Reason.NO_INSTANCE if path in instance else Reason.CLAIM_MISSING
            raise AttestationError(reason, f"{path} is missing", claim=path)
        if path in instance and not isinstance(value, str | int | None):
            raise AttestationError(Reason.CLAIM_MALFORMED, f"{path} is no word", claim=path)
        if path in declared.verified:
            _check_value(path, value, declared.verified[path])
        if isinstance(value, str | int):
            selected[path] = checked(path, value)
    return selected


def checked(path: str, value: Scalar) -> Scalar:
    """Check that a claim's value may be stored and shown (F17).

    Raises:
        AttestationError: ``claim-malformed``.
    """
    if not isinstance(value, str):
        return value
    try:
        return text.parse_text(value, field=path, max_length=MAX_VALUE, may_be_empty=True)
    except InvalidRequestError as error:
        raise AttestationError(Reason.CLAIM_MALFORMED, f"{path} {error}", claim=path) from error


def _check_value(path: str, value: object, demanded: Scalar | tuple[Scalar, ...]) -> None:
    allowed = demanded if isinstance(demanded, tuple) else (demanded,)
    # The types are compared as well: 1 == True, and 1 is not true.
    if not any(type(value) is type(one) and value == one for one in allowed):
        raise AttestationError(
            Reason.CLAIM_MISMATCH, f"{path} is none of the declared values", claim=path
        )
