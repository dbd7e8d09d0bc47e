"""From verified claims to who the bearer is, as the issuer's declaration maps them."""

from collections.abc import Mapping
from typing import Final

from broker import text
from broker.attestation.attested import Scalar
from broker.attestation.declared_map import KindByClaim, MapDeclaration, NameByClaim
from broker.attestation.reasons import Reason
from broker.errors import AttestationError, InvalidRequestError
from broker.model.principal import Kind

_JOIN: Final = "/"

Claims = Mapping[str, Scalar]


def kind_of(claims: Claims, mapping: MapDeclaration) -> Kind:
    """Tell what part the bearer plays.

    Raises:
        AttestationError: ``claim-mismatch``: the claim has a value that maps to no kind.
    """
    if not isinstance(mapping.kind, KindByClaim):
        return mapping.kind
    kind = mapping.kind.values.get(_word(claims, mapping.kind.claim))
    if kind is None:
        raise AttestationError(
            Reason.CLAIM_MISMATCH, f"{mapping.kind.claim} maps to no kind", claim=mapping.kind.claim
        )
    return kind


def name_of(claims: Claims, mapping: MapDeclaration) -> str:
    """Tell the bearer's registered name.

    Raises:
        AttestationError: ``claim-mismatch``: the prefix is missing, or the value is not listed;
            ``claim-malformed``: no name.
    """
    rule = mapping.name
    word = _word(claims, rule.claim)
    if rule.values:
        return _listed(word, rule)
    if not word.startswith(rule.prefix):
        raise AttestationError(
            Reason.CLAIM_MISMATCH, f"{rule.claim} lacks its prefix", claim=rule.claim
        )
    return _name(word.removeprefix(rule.prefix), rule.claim)


def tenant_of(claims: Claims, mapping: MapDeclaration) -> str:
    """Tell the bearer's tenant; empty when the token and its issuer say nothing about it.

    Raises:
        AttestationError: ``claim-malformed``: no name.
    """
    rule = mapping.tenant
    if rule is None or (rule.claim and rule.claim not in claims):
        return ""
    return _name(_word(claims, rule.claim), rule.claim) if rule.claim else rule.value


def session_of(claims: Claims, mapping: MapDeclaration) -> str:
    """Tell which session of the issuer the token came from; empty when nothing says so.

    Raises:
        AttestationError: ``claim-malformed``: no word.
    """
    rule = mapping.session
    return "" if rule is None or rule.claim not in claims else _word(claims, rule.claim)


def instance_of(claims: Claims, mapping: MapDeclaration) -> str:
    """Tell which running copy the bearer is.

    Raises:
        AttestationError: ``claim-malformed``: no name, or a part that holds the separator, so that
            two instances could come out alike.
    """
    if mapping.stand_in and claims.get(mapping.instance_claims[0]) is None:
        claim = mapping.stand_in
        return _name(f"{claim}:{_word(claims, claim)}", claim)
    paths = mapping.instance_claims
    parts = [_word(claims, path) for path in paths]
    if len(parts) > 1 and any(_JOIN in part for part in parts):
        raise AttestationError(
            Reason.CLAIM_MALFORMED, f"a part of the instance holds {_JOIN!r}", claim=paths[0]
        )
    return _name(_JOIN.join(parts), paths[0])


def _listed(word: str, rule: NameByClaim) -> str:
    name = rule.values.get(word)
    if name is None:
        raise AttestationError(
            Reason.CLAIM_MISMATCH, f"{rule.claim} is none of the listed values", claim=rule.claim
        )
    return name


def _word(claims: Claims, path: str) -> str:
    """Return a claim as a word: a string, or an integer in decimal."""
    value = claims.get(path)
    if value is None or value == "" or isinstance(value, bool):
        raise AttestationError(Reason.CLAIM_MALFORMED, f"{path} is no word", claim=path)
    return str(value)


def _name(word: str, field: str) -> str:
    try:
        return text.parse_name(word, field=field)
    except InvalidRequestError as error:
        raise AttestationError(Reason.CLAIM_MALFORMED, f"{field} {error}", claim=field) from error
